from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from hub.app import create_app
from hub.pages.routes import PIECE_BYTES, send_asset
from hub.pages.site import Site
from hub.settings import HubSettings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for page in ("console", "exam", "docs"):
        (tmp_path / page).mkdir()
        (tmp_path / page / "index.html").write_text(f"<title>{page}</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/main-1a.js").write_text("export {}")
    (tmp_path / "assets/main-1a.css").write_text("p {}")
    return tmp_path


@pytest.fixture
def app(settings: HubSettings, root: Path) -> Litestar:
    return create_app(settings, site=Site(root))


async def test_the_root_redirects_to_the_console(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/console"


async def test_a_page_answers_for_every_path_below_it(http: httpx.AsyncClient) -> None:
    for page in ("console", "exam"):
        for path in (f"/{page}", f"/{page}/", f"/{page}/exams/1/students/2"):
            answer = await http.get(path)
            assert answer.status_code == 200, path
            assert answer.text == f"<title>{page}</title>"
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_pages_have_their_security_headers(http: httpx.AsyncClient) -> None:
    for path in ("/console", "/exam", "/docs"):
        headers = (await http.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; "), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"]
        assert headers["cache-control"] == "no-cache"


async def test_an_asset_is_cached_forever(http: httpx.AsyncClient) -> None:
    script = await http.get("/assets/main-1a.js")
    assert script.status_code == 200
    assert script.text == "export {}"
    assert script.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["x-content-type-options"] == "nosniff"
    assert script.headers.get_list("content-security-policy")[0].endswith("; script-src 'self'")
    style = await http.get("/assets/main-1a.css")
    assert style.headers["content-type"].startswith("text/css")


async def test_only_a_small_piece_of_a_large_asset_is_in_memory(root: Path) -> None:
    (root / "assets/docs-1a.js").write_bytes(b"x" * 1_500_000)
    asset = await send_asset.fn("docs-1a.js", Site(root))
    assert asset.chunk_size == PIECE_BYTES <= 32 * 1024


async def test_an_unknown_asset_is_a_problem(http: httpx.AsyncClient) -> None:
    for path in ("/assets/none.js", "/assets/..%2Fexam%2Findex.html", "/assets/"):
        answer = await http.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_reference_is_a_page_with_its_schema(http: httpx.AsyncClient) -> None:
    assert (await http.get("/docs")).text == "<title>docs</title>"
    schema = await http.get("/docs/openapi.json")
    assert schema.status_code == 200
    paths = schema.json()["paths"]
    assert "/auth/login" in paths
    assert not {"/console", "/exam", "/", "/docs"} & set(paths)


class TestNotBuilt:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "nowhere"

    async def test_a_hub_without_pages_serves_everything_else(self, http: httpx.AsyncClient) -> None:
        for path in ("/console", "/exam", "/docs"):
            answer = await http.get(path)
            assert answer.status_code == 404
            assert "make web" in answer.json()["detail"]
        assert (await http.get("/health/live")).status_code == 200
        assert (await http.get("/docs/openapi.json")).status_code == 200
