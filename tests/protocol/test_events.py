from typing import Any

import msgspec
import pytest

from protocol import limits
from protocol.codes import RejectCode
from protocol.events import CLIENT_EVENTS, SERVER_EVENTS, Event, lost_entry, to_entries, to_entry, tombstone


def event(**changes: Any) -> Event:
    return msgspec.structs.replace(Event(type="paste", at=1, mono=2, data={"chars": 3}), **changes)


def nested(depth: int) -> dict[str, Any]:
    return {} if depth == 1 else {"d": nested(depth - 1)}


def test_an_event_becomes_an_entry_with_its_payload_as_text() -> None:
    entry = to_entry(event(severity="info"), 7)
    assert (entry.seq, entry.type, entry.at, entry.mono) == (7, "paste", 1, 2)
    assert (entry.payload, entry.severity, entry.reject, entry.raw) == ('{"chars":3}', "info", None, b"")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (event(type="No Type"), RejectCode.BAD_TYPE),
        (event(type="paste\n"), RejectCode.BAD_TYPE),
        (event(type="pa\0ste"), RejectCode.BAD_TYPE),
        (event(type=""), RejectCode.BAD_TYPE),
        (event(severity="x" * 17), RejectCode.BAD_SHAPE),
        (event(severity="a\0"), RejectCode.BAD_UNICODE),
        (event(data={"a": [{"b\0": 1}]}), RejectCode.BAD_UNICODE),
        (event(data={"a": "\ud800"}), RejectCode.BAD_UNICODE),
        (event(data={"\udfff": 1}), RejectCode.BAD_UNICODE),
        (event(data={"a": [1.5, float("nan")]}), RejectCode.BAD_NUMBER),
        (event(data={"a": float("-inf")}), RejectCode.BAD_NUMBER),
        (event(data={"a": 10**400}), RejectCode.BAD_NUMBER),
        (event(data={"a": [b"bytes"]}), RejectCode.BAD_SHAPE),
        (event(data={"a": {1: 2}}), RejectCode.BAD_SHAPE),
        (event(data={"a": object()}), RejectCode.BAD_SHAPE),
        (event(data=nested(17)), RejectCode.TOO_DEEP),
        (event(data=nested(900)), RejectCode.TOO_DEEP),
        (event(data={"a": "x" * limits.EVENT_BYTES}), RejectCode.TOO_LARGE),
        (event(type="answered", data={"a": "x" * limits.DRAFT_BYTES}), RejectCode.TOO_LARGE),
        (event(data={"a": [1e300] * 28}), RejectCode.TOO_LARGE),
        (event(data={f"k{number}": 5e-324 for number in range(26)}), RejectCode.TOO_LARGE),
        (event(type="answered", data={"item": "q1", "value": [1e99] * 330}), RejectCode.TOO_LARGE),
    ],
    ids=lambda case: case.name if isinstance(case, RejectCode) else "",
)
def test_both_ways_reject_the_same_events(bad: Event, code: RejectCode) -> None:
    assert to_entry(bad, 3, b"raw") == tombstone(3, code, b"raw")
    assert to_entries([event(), bad], 2) is None


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (event(at=-1), RejectCode.BAD_TIME),
        (event(mono=limits.TIME_MAX_MS + 1), RejectCode.BAD_TIME),
        (event(data={"a": b"bytes"}), RejectCode.BAD_SHAPE),
    ],
)
def test_events_that_decoders_never_return_are_rejected_too(bad: Event, code: RejectCode) -> None:
    assert to_entry(bad, 3, b"raw") == tombstone(3, code, b"raw")


@pytest.mark.parametrize(
    "good",
    [
        event(),
        event(data={}),
        event(type="a_new_type_9"),
        event(data={"a": [1e300] * 26}),
        event(data={"text": ",1e300" * 1_000, "id": "2e5"}),
        event(data=nested(16)),
        event(data={"a": [None, True, 1.5, -(2**63), 2**63 - 1, "\\u0000"]}),
        event(data={"text": "{[null]} 1234567890123456789"}),
        event(data={"text": "line\nline\u2028line\x7f"}),
        event(type="draft_saved", data={"text": "x" * (limits.DRAFT_BYTES - 11)}),
        event(type="answered", data={"text": "x" * (limits.DRAFT_BYTES - 11)}),
        event(severity="x" * 16),
    ],
)
def test_both_ways_accept_the_same_events(good: Event) -> None:
    taken = [to_entry(one, seq) for seq, one in enumerate([event(), good, event()], 5)]
    assert [entry.reject for entry in taken] == [None] * 3
    assert to_entries([event(), good, event()], 5) == taken


@pytest.mark.parametrize("kind", SERVER_EVENTS)
def test_a_client_may_not_send_server_events(kind: str) -> None:
    assert to_entry(event(type=kind), 1).reject is RejectCode.BAD_TYPE
    assert to_entries([event(type=kind)], 1) is None


@pytest.mark.parametrize("kind", CLIENT_EVENTS)
def test_every_client_type_is_accepted(kind: str) -> None:
    assert to_entry(event(type=kind), 1).type == kind


def test_lost_numbers_are_stored_at_the_last_one() -> None:
    assert (lost_entry(3, 9, 'a "reason"').seq, lost_entry(3, 9, 'a "r"').payload) == (
        9,
        '{"from":3,"reason":"a \\"r\\""}',
    )
