from protocol.flags import Severity
from tests.judgement.stories import START_MS, SYSTEM, Moment, alive, at, make_events, run_rule


def missed(s: float, since_s: float, **data: object) -> Moment:
    return at(s, "heartbeat_missed", device=SYSTEM, since=START_MS + round(1000 * since_s), **data)


def test_a_connected_client_without_events_is_a_note() -> None:
    [found] = run_rule("client_silent", make_events(alive(0, 30), missed(57, 30, connected=True)))
    assert (found.severity, found.numbers) == (Severity.NORMAL, {"silent_s": 27.0})
    assert found.summary == "Connected, but no event arrived for at least 27 s."


def test_a_lost_connection_is_no_silence_of_the_client() -> None:
    assert run_rule("client_silent", make_events(alive(0, 30), missed(57, 30), missed(90, 60, connected=False))) == []


def test_each_silence_is_a_note_up_to_the_limit() -> None:
    silences = [missed(100 * n + 30, 100 * n, connected=True) for n in range(8)]
    assert len(run_rule("client_silent", make_events(silences))) == 5
    assert len(run_rule("client_silent", make_events(silences), most=1)) == 1


def test_a_payload_that_does_not_fit_is_ignored() -> None:
    wrong = [at(1, "heartbeat_missed", device=SYSTEM), at(2, "heartbeat_missed", device=SYSTEM, since="x")]
    assert run_rule("client_silent", make_events(wrong)) == []
