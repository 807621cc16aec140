import msgspec
import pytest

from protocol.flags import Severity
from tests.judgement.stories import LAPTOP, SYSTEM, Moment, at, kinds, make_events, run_rule


def lost(s: float, reason: str, first: int = 1) -> Moment:
    return Moment(s, "events_lost", msgspec.json.encode({"from": first, "reason": reason}), LAPTOP)


@pytest.mark.parametrize(("reason", "words"), [("storage", "lost before"), ("unproven_ack", "without proof")])
def test_lost_events_are_a_note_with_their_number(reason: str, words: str) -> None:
    [found] = run_rule("events_missing", make_events(at(0, "alive"), at(1, "alive"), lost(2, reason, first=2)))
    assert (found.severity, found.numbers) == (Severity.NORMAL, {"events": 2.0})
    assert words in found.summary


def test_a_loss_that_the_server_can_prove_to_be_its_own_is_no_note() -> None:
    assert run_rule("events_missing", make_events(lost(2, "server_lost"))) == []


def test_an_abandoned_queue_and_altered_resends_are_notes() -> None:
    abandoned = at(5, "stream_abandoned", device=SYSTEM, stream=str(LAPTOP), seq=4)
    altered = at(6, "altered_resend", device=SYSTEM, stream=str(LAPTOP), seqs=[2, 3])
    found = run_rule("events_missing", make_events(abandoned, altered))
    assert kinds(found) == ["abandoned", "altered"]
    assert found[1].numbers == {"events": 2.0}


def test_there_are_never_more_notes_than_the_limit() -> None:
    assert len(run_rule("events_missing", make_events([lost(n, "storage") for n in range(9)]))) == 5


def test_a_payload_that_does_not_fit_is_ignored() -> None:
    wrong = [at(1, "events_lost", reason="storage"), at(2, "altered_resend", device=SYSTEM, seqs="x")]
    assert run_rule("events_missing", make_events(wrong)) == []
