from uuid import UUID

import msgspec
import pytest

from judgement.rule import Episode, EventRef, Rule, RuleSettings, RuleState, payload_reader
from protocol.events import Paste, StoredEvent
from protocol.flags import Severity

STREAM = UUID(int=7)


def rule_of(severity: Severity) -> Rule[RuleSettings, RuleState]:
    return Rule(
        id="any",
        version=1,
        title="any",
        severity=severity,
        event_types=frozenset(),
        settings=RuleSettings,
        state=RuleState,
        step=lambda _state, _event, _settings: (),
    )


def test_a_note_weighs_nothing_under_any_policy() -> None:
    heavy = RuleSettings(weight=0.9)
    assert rule_of(Severity.NORMAL).weigh(heavy) == 0
    assert rule_of(Severity.WARNING).weigh(heavy) == rule_of(Severity.CRITICAL).weigh(heavy) == 0.9


def test_every_call_of_begin_returns_a_new_state() -> None:
    rule = rule_of(Severity.WARNING)
    assert rule.begin() == rule.begin()
    assert rule.begin() is not rule.begin()


def test_an_episode_is_named_by_its_kind_and_its_first_event() -> None:
    first, last = EventRef(STREAM, 4, 1_000), EventRef(STREAM, 9, 2_000)
    assert Episode("long", (first, last), {}, 1.0, "").key == f"long:{STREAM}:4"


def test_a_reference_has_stream_seq_and_rule_time() -> None:
    assert EventRef.of(StoredEvent(STREAM, 4, "paste", 1_000, 2, 3, b"{}")) == EventRef(STREAM, 4, 1_000)


def test_a_payload_that_fits_is_read() -> None:
    assert payload_reader(Paste)(b'{"chars": 12, "item": "q1", "more": [1]}') == Paste(12, "q1")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b'{"chars":"1"}', b'{"chars":1e999}', b'{"chars":1,"item":"\xff"}', b"[" * 100_000],
)
def test_a_payload_that_does_not_fit_reads_as_none(data: bytes) -> None:
    assert payload_reader(Paste)(data) is None


def test_a_state_can_be_encoded() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(RuleState()), type=RuleState) == RuleState()
