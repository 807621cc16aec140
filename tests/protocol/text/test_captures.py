"""Every event that a client can send is described for students, and the browser SDK sends no other."""

import re
from pathlib import Path

from protocol.events import CLIENT_EVENTS
from protocol.text import captures

ALL = (*captures.ALWAYS, *captures.MONITORED, *captures.CAMERA)
SDK = Path(__file__).parents[3] / "web" / "proctor" / "src"


def sources() -> list[str]:
    return [path.read_text() for path in SDK.rglob("*.ts") if not path.name.endswith(".test.ts")]


def test_every_event_type_of_clients_is_in_exactly_one_line() -> None:
    types = [event_type for capture in ALL for event_type in capture.types]
    assert len(types) == len(set(types))
    assert set(types) == set(CLIENT_EVENTS)


def test_every_event_type_that_the_browser_sdk_records_is_described() -> None:
    named = {name for text in sources() for name in re.findall(r"""record\((?:[^()"]*\?\s*)?"([a-z_]+)\"""", text)}
    assert {"paste", "key_combo", "context_menu", "client_error", "typing", "alive"} <= named
    assert named <= {event_type for capture in ALL for event_type in capture.types}


def test_every_named_combination_has_words() -> None:
    assert set(captures.KEY_COMBINATIONS.values()) == set(captures.COMBINATION_WORDS)


def test_the_browser_sdk_uses_the_same_combinations() -> None:
    assert any("KEY_COMBINATIONS" in text for text in sources())
