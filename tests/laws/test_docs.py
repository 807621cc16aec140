"""Check the docs against the code: settings, event types, metrics, codes, links, file names and citations."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from db.settings import PREFIX
from hub.settings import HubSettings
from protocol.codes import CloseCode, may_reconnect
from protocol.events import CLIENT_EVENTS, MARKER_EVENTS, SERVER_EVENTS
from protocol.metrics import BOTH, HUB, WORKER
from veritas import environment
from veritas.embedded.servers import OWNER_DATABASE, WORKER_DATABASE
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
CODE = ("protocol", "judgement", "db", "hub", "workers", "veritas", "bench", "tests", "web", "deploy")
STACK_SETTINGS = {environment.DATA_DIR, "VERITAS_PG_BIN", OWNER_DATABASE, WORKER_DATABASE}


def listed(page: str) -> list[str]:
    """Return the back-quoted names in the first column of a page's tables."""
    return re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / page).read_text(), re.MULTILINE)


def settings_of(*shapes: type[msgspec.Struct]) -> set[str]:
    return {PREFIX + field.name.upper() for shape in shapes for field in msgspec.structs.fields(shape)}


def check(page: str, names: Iterable[str]) -> None:
    found = listed(page)
    assert sorted(found) == sorted(set(found)), "listed twice"
    assert set(found) == set(names)


def test_every_setting_is_listed() -> None:
    check("settings.md", settings_of(HubSettings, WorkerSettings) | STACK_SETTINGS)


def test_every_event_type_is_listed() -> None:
    check("events.md", CLIENT_EVENTS.keys() | SERVER_EVENTS.keys() | MARKER_EVENTS.keys())


def test_every_metric_is_listed() -> None:
    check("metrics.md", HUB.keys() | WORKER.keys() | BOTH.keys())


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_is_listed_with_its_name_and_whether_to_reconnect(code: CloseCode) -> None:
    row = f"| `{int(code)}` | {code.reason} | {'yes' if may_reconnect(code) else 'no'} |"
    assert row in (ROOT / "docs" / "close-codes.md").read_text()


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub builds them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_nowhere(page: Path, anchor: str) -> bool:
    return not page.exists() or bool(anchor and page.suffix == ".md" and anchor not in anchors_of(page))


PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *(ROOT / "docs").rglob("*.md")]
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@by_page
def test_links_lead_to_a_page_and_a_section(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text())
    broken = [link for link, anchor in links if leads_nowhere(page.parent / link if link else page, anchor)]
    assert broken == []


@by_page
def test_files_named_in_the_docs_exist(page: Path) -> None:
    named = re.findall(r"`([a-z_]+/[\w./-]*(?:\.(?:py|ts|tsx|json|md)|/))(?::[^`]*)?`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def sources() -> Iterator[Path]:
    """Find the source files of the repository, without what is installed or built."""
    for folder in CODE:
        for top, folders, files in os.walk(ROOT / folder):
            folders[:] = [name for name in folders if name not in ("node_modules", "dist", "__pycache__")]
            yield from (Path(top, name) for name in files if name.endswith((".py", ".ts", ".tsx")))


def test_citations_of_the_docs_in_code_lead_to_a_section() -> None:
    """Citations have the form `docs/database.md#the-feed`."""
    broken = []
    for source in sources():
        for path, anchor in re.findall(r"\b(docs/[\w/-]+\.md)(?:#([\w-]+))?", source.read_text()):
            if leads_nowhere(ROOT / path, anchor):
                broken.append(f"{source.relative_to(ROOT)}: {path}#{anchor}")
    assert broken == []
