"""Every event that is recorded is described for students, and the browser SDK sends no other."""

import re
from pathlib import Path

from protocol.events import CLIENT_EVENTS, MARKER_EVENTS, SERVER_EVENTS
from protocol.text import captures

ALL = (*captures.ALWAYS, *captures.MONITORED, *captures.CAMERA)
ROOT = Path(__file__).parents[3]
SDK = ROOT / "web" / "proctor" / "src"
SERVERS = ("db", "hub", "workers")


def sources() -> list[str]:
    return [path.read_text() for path in SDK.rglob("*.ts") if not path.name.endswith(".test.ts")]


def test_every_recorded_event_type_is_in_one_line_or_has_a_reason() -> None:
    types = [event_type for capture in ALL for event_type in capture.types]
    assert sorted([*types, *captures.WITHOUT_WORDS]) == sorted({*CLIENT_EVENTS, *SERVER_EVENTS, *MARKER_EVENTS})
    assert all(captures.WITHOUT_WORDS.values())


def test_servers_append_no_event_type_outside_the_table() -> None:
    code = [path.read_text() for folder in SERVERS for path in (ROOT / folder).rglob("*.py")]
    named = {name for text in code for name in re.findall(r"""ServerEvent\(\s*"([a-z_]+)\"""", text)}
    assert {"paper_read", "second_place", "submitted", "stream_waived"} <= named
    assert named <= set(SERVER_EVENTS)


def test_places_are_named_where_they_are_recorded() -> None:
    [place] = [capture for capture in captures.MONITORED if "second_place" in capture.types]
    for words in ("sign in", "read the questions", "connect", "hand in", "network address", "secret key"):
        assert words in place.text


def test_every_event_type_that_the_browser_sdk_records_is_described() -> None:
    named = {name for text in sources() for name in re.findall(r"""record\((?:[^()"]*\?\s*)?"([a-z_]+)\"""", text)}
    assert {"paste", "key_combo", "context_menu", "client_error", "typing", "alive"} <= named
    assert named <= {event_type for capture in ALL for event_type in capture.types}


def test_every_named_combination_has_words() -> None:
    assert set(captures.KEY_COMBINATIONS.values()) == set(captures.COMBINATION_WORDS)


def test_the_browser_sdk_uses_the_same_combinations() -> None:
    assert any("KEY_COMBINATIONS" in text for text in sources())
