"""Every answer of a hub forbids frames and guessing its type. Browsers and proxies store only pages and assets."""

import httpx
import pytest
from litestar import Litestar

from hub.app import ROUTES
from protocol.roles import Role
from tests.hub.conftest import Users

PAGES = ("/console", "/exam", "/docs", "/assets", "/favicon")


def paths(app: Litestar) -> list[str]:
    """Return the path of each HTTP route, with an id that nothing has for each parameter."""
    found = []
    for route in app.routes:
        if getattr(route, "http_methods", None) is None:
            continue
        parts = ["0192f0c1-0000-7000-8000-000000000000" if "{" in part else part for part in route.path.split("/")]
        found.append("/".join(parts))
    return found


async def test_no_answer_is_stored_or_guessed(app: Litestar, users: Users, http: httpx.AsyncClient) -> None:
    assert len(ROUTES) > 10
    grace = await users.make(Role.ADMIN, "grace")
    bearer = {"Authorization": f"Bearer {grace.tokens['access_token']}"}
    for path in [*paths(app), "/no/such/path"]:
        answer = await http.get(path, headers=bearer)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        allowed = {"no-store"} if not path.startswith(PAGES) else {"no-store", "no-cache"}
        assert answer.headers["cache-control"] in allowed, path


async def test_no_path_answers_trace(app: Litestar, http: httpx.AsyncClient) -> None:
    for path in paths(app):
        answer = await http.request("TRACE", path, headers={"X-Secret": "echo me"})
        assert answer.status_code == 405, path
        assert "echo me" not in answer.text


async def test_no_answer_runs_in_a_browser_or_in_a_frame(app: Litestar, users: Users, http: httpx.AsyncClient) -> None:
    grace = await users.make(Role.ADMIN, "grace")
    bearer = {"Authorization": f"Bearer {grace.tokens['access_token']}"}
    for path in [*paths(app), "/no/such/path", "/assets/none.js"]:
        answer = await http.get(path, headers=bearer)
        policies = answer.headers.get_list("content-security-policy")
        assert len(policies) == 1, path
        assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policies[0].split("; ")), path
        assert answer.headers["referrer-policy"] == "no-referrer", path


@pytest.mark.parametrize("path", ["/console", "/exam"])
async def test_a_page_is_asked_for_again_each_time(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.headers["cache-control"] == ("no-cache" if answer.status_code == 200 else "no-store")
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
