from pathlib import Path

import pytest

from db.errors import NotFound
from hub.pages.site import Site


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "exam").mkdir()
    (tmp_path / "exam/index.html").write_text("<p>exam")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/main-1a.js").write_text("1")
    return tmp_path


def test_a_page_is_read_each_time(root: Path) -> None:
    site = Site(root)
    assert site.read_page("exam") == b"<p>exam"
    (root / "exam/index.html").write_text("<p>newer")
    assert site.read_page("exam") == b"<p>newer"


def test_the_answer_without_built_pages_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="make web"):
        Site(tmp_path / "nowhere").read_page("exam")


def test_an_asset_is_found_only_by_its_listed_name(root: Path) -> None:
    site = Site(root)
    assert site.find_asset("main-1a.js") == root / "assets/main-1a.js"
    for name in ("../exam/index.html", "main", "", ".", "..", "main-1a.js/"):
        with pytest.raises(NotFound):
            site.find_asset(name)


def test_there_are_no_assets_before_a_build(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Site(tmp_path).find_asset("main-1a.js")
