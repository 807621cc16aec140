"""What the docs list is what the code has: every setting, event type, metric and code."""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from db.settings import PREFIX
from hub.settings import HubSettings
from protocol.codes import CloseCode, may_reconnect
from protocol.events import CLIENT_EVENTS, PLACE_EVENTS, SERVER_EVENTS
from protocol.metrics import BOTH, HUB, WORKER
from veritas import environment
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
FRONT_DOOR = {environment.DATA_DIR, "VERITAS_PG_BIN"}


def listed(page: str) -> list[str]:
    """What stands in back quotes in the first column of a page's tables."""
    return re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / page).read_text(), re.MULTILINE)


def settings_of(*shapes: type[msgspec.Struct]) -> set[str]:
    return {PREFIX + field.name.upper() for shape in shapes for field in msgspec.structs.fields(shape)}


def check(page: str, names: Iterable[str]) -> None:
    found = listed(page)
    assert sorted(found) == sorted(set(found)), "listed twice"
    assert set(found) == set(names)


def test_every_setting_is_listed() -> None:
    check("settings.md", settings_of(HubSettings, WorkerSettings) | FRONT_DOOR)


def test_every_event_type_is_listed() -> None:
    check("events.md", CLIENT_EVENTS.keys() | SERVER_EVENTS.keys() | PLACE_EVENTS.keys())


def test_every_metric_is_listed() -> None:
    check("metrics.md", HUB.keys() | WORKER.keys() | BOTH.keys())


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_is_listed_with_its_name_and_whether_to_reconnect(code: CloseCode) -> None:
    row = f"| `{int(code)}` | {code.reason} | {'yes' if may_reconnect(code) else 'no'} |"
    assert row in (ROOT / "docs" / "close-codes.md").read_text()


def test_links_between_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
