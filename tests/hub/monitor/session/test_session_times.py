import msgspec

from hub.monitor.instructions import SEND_BYTES
from hub.monitor.session import (
    TIMES,
    CandidateSession,
    Close,
    Effect,
    Phase,
    Renew,
    Send,
)
from protocol import limits, monitor
from protocol.codes import CloseCode
from protocol.errors import Malformed, UnknownFrame
from tests.hub.monitor.session.sessions import HELLO, batch, closes, frames, opened, stores, welcome


def test_a_client_without_a_hello_in_time_is_silent() -> None:
    session = CandidateSession(0)
    assert session.tick(limits.HELLO_MS) == []
    assert closes(session.tick(limits.HELLO_MS + 1)) == [CloseCode.SILENT]


def test_any_frame_counts_as_a_heartbeat_and_a_client_without_one_is_silent() -> None:
    session = opened()
    session.receive(monitor.Ping(0), 1_000)
    assert session.tick(1_000 + TIMES.silence_ms) == []
    assert closes(session.tick(1_001 + TIMES.silence_ms)) == [CloseCode.SILENT]


def test_a_hello_that_waits_for_the_database_is_not_silent() -> None:
    session = CandidateSession(0)
    session.receive(HELLO, 0)
    assert session.tick(10 * TIMES.silence_ms) == []


def test_an_unknown_frame_does_not_extend_the_time_for_the_hello() -> None:
    session = CandidateSession(0)
    session.receive_invalid(UnknownFrame("wave"), limits.HELLO_MS)
    assert session.phase is Phase.CLOSED


def test_a_smaller_window_is_sent_once_and_having_more_already_is_no_error() -> None:
    session = opened()
    session.receive(batch(1, 3, size=1_000), 0)
    small = limits.Window(2, 100)
    assert session.set_window(small) == [Send(monitor.WindowChanged(2, 100))]
    assert session.set_window(small) == []
    assert closes(session.receive(batch(4, limits.OVERRUN_FACTOR * limits.WINDOW_EVENTS), 0)) == []
    assert session.set_window(limits.Window(0, 0)) == [Send(monitor.WindowChanged(0, 0))]
    assert session.set_window(limits.Window()) == [
        Send(monitor.WindowChanged(limits.WINDOW_EVENTS, limits.WINDOW_BYTES))
    ]


def test_a_window_that_changes_while_a_batch_is_held_is_sent_afterwards() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    assert frames(session.held(0)) == [monitor.WindowChanged(0, 0, TIMES.retry_ms)]
    assert session.set_window(limits.Window(7, 70)) == []
    assert frames(session.stored([])) == [monitor.Ack(3), monitor.WindowChanged(7, 70)]


def test_the_window_of_the_welcome_counts_as_sent() -> None:
    session = CandidateSession(0)
    assert session.set_window(limits.Window(1, 1)) == []
    session.receive(HELLO, 0)
    assert session.set_window(limits.Window(2, 2)) == []
    small = msgspec.structs.replace(welcome(), window=limits.Window(2, 2))
    assert session.opened(small, []) == [Send(small)]
    assert session.set_window(limits.Window(2, 2)) == []


def test_bytes_are_outstanding_until_stored_or_given_up() -> None:
    session = opened()
    session.receive(batch(1, 3, size=30), 0)
    session.receive(batch(4, 4, size=12), 0)
    assert session.outstanding_bytes == 42
    session.stored([])
    assert session.outstanding_bytes == 12
    session.given_up()
    assert session.outstanding_bytes == 0


def test_a_closed_session_counts_the_bytes_at_a_writer_until_their_result_comes() -> None:
    session = opened()
    session.receive(batch(1, 3, size=30), 0)
    session.receive(batch(4, 4, size=12), 0)
    session.close(CloseCode.SUPERSEDED)
    assert session.outstanding_bytes == 30
    assert session.stored([]) == []
    assert session.outstanding_bytes == 0


def test_a_closed_session_does_not_count_a_held_batch() -> None:
    session = opened()
    session.receive(batch(1, 3, size=30), 0)
    session.held(0)
    session.close(CloseCode.SUPERSEDED)
    assert session.outstanding_bytes == 0


def test_one_token_is_checked_at_a_time_and_the_newest_is_next() -> None:
    session = opened()
    assert session.receive(monitor.Auth("a"), 0) == [Renew("a")]
    assert session.receive(monitor.Auth("b"), 0) == []
    assert session.receive(monitor.Auth("c"), 0) == []
    assert session.renewed() == [Renew("c")]
    assert session.renewed() == []
    assert session.receive(monitor.Auth("d"), 0) == [Renew("d")]


def test_a_renewal_that_ends_after_the_close_has_no_effect() -> None:
    session = opened()
    session.receive(monitor.Auth("a"), 0)
    session.receive(monitor.Auth("b"), 0)
    session.close(CloseCode.SUPERSEDED)
    assert session.renewed() == []


def test_an_instruction_is_sent_once_in_a_session() -> None:
    session = CandidateSession(0)
    session.receive(HELLO, 0)
    first, second, third = (monitor.Instruct(id=n, action="message", issued_at=0) for n in (1, 2, 3))
    session.opened(welcome(), [second])
    assert frames(session.instruct([first, second])) == [first]
    assert frames(session.instruct([first, second, third])) == [third]


def test_instructions_that_exceed_the_outbox_are_sent_with_the_next_poll() -> None:
    session = CandidateSession(0)
    session.receive(HELLO, 0)
    waiting = [monitor.Instruct(id=n, action="message", issued_at=0, body={"text": "界" * 2_000}) for n in range(1, 46)]
    passed = frames(session.opened(welcome(), waiting))[1:]
    assert 0 < sum(len(msgspec.json.encode(frame)) for frame in passed) <= SEND_BYTES
    while more := frames(session.instruct(waiting)):
        passed += more
    assert passed == waiting


def test_new_instructions_go_before_those_without_a_result() -> None:
    session = CandidateSession(0)
    session.receive(HELLO, 0)
    long = [monitor.Instruct(id=n, action="message", issued_at=0, body={"text": "x" * 2_000}) for n in range(1, 101)]
    session.opened(welcome(), long)
    while session.instruct(long):
        pass
    session.tick(TIMES.repeat_ms)
    new = monitor.Instruct(id=101, action="pause", issued_at=0)
    passed = frames(session.instruct([*long, new]))
    assert passed[0] == new
    assert 1 < len(passed) < len(long)


def test_an_instruction_larger_than_the_limit_goes_alone() -> None:
    session = opened()
    large = [monitor.Instruct(id=n, action="message", issued_at=0, body={"text": "x" * 70_000}) for n in (1, 2)]
    assert frames(session.instruct(large)) == large[:1]
    assert frames(session.instruct(large)) == large[1:]


def test_a_draining_hub_sends_drain_and_continues_until_the_socket_retires() -> None:
    session = opened()
    assert session.drain(2_000) == [Send(monitor.Drain(2_000))]
    assert stores(session.receive(batch(1, 3), 0)) == [(1, 3)]


def test_a_client_that_waits_for_its_welcome_gets_drain_after_it() -> None:
    session = CandidateSession(0)
    assert session.drain(2_000) == []
    session.receive(HELLO, 0)
    assert frames(session.opened(welcome(), [])) == [welcome(), monitor.Drain(2_000)]


def test_an_idle_session_retires_at_once() -> None:
    effects = opened(committed=5).retire(0)
    assert frames(effects) == [monitor.Ack(5)]
    assert closes(effects) == [CloseCode.DRAINING]


def test_a_session_without_a_stream_retires_at_once() -> None:
    session = CandidateSession(0)
    assert session.retire(0) == [Close(CloseCode.DRAINING)]
    assert session.retire(0) == []


def test_a_retiring_session_ignores_frames_and_closes_when_all_accepted_events_are_stored() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    session.receive(batch(4, 5), 0)
    assert session.retire(0) == []
    for frame in (batch(6, 7), HELLO, monitor.Bye(), monitor.Ping(1), monitor.Lost(-1, "x")):
        assert session.receive(frame, 0) == []
    assert session.receive_invalid(Malformed("x"), 0) == []
    assert stores(session.stored([])) == [(4, 5)]
    effects = session.stored([])
    assert frames(effects)[-1] == monitor.Ack(5)
    assert closes(effects) == [CloseCode.DRAINING]


def test_a_retiring_session_waits_five_seconds_at_most() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    session.retire(100)
    assert session.tick(100 + TIMES.retire_ms - 1) == []
    assert session.tick(100 + TIMES.retire_ms) == [Close(CloseCode.DRAINING)]
    assert session.stored([]) == []


def test_a_retiring_session_still_offers_a_held_batch() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    session.held(0)
    session.retire(0)
    assert stores(session.tick(TIMES.retry_ms)) == [(1, 3)]
    assert closes(session.stored([])) == [CloseCode.DRAINING]


def test_a_session_with_bye_before_a_drain_closes_as_draining() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    session.receive(monitor.Bye(), 0)
    session.retire(0)
    assert closes(session.stored([])) == [CloseCode.DRAINING]


def awake(session: CandidateSession, start_ms: int, end_ms: int) -> list[Effect]:
    """All effects of the time in between, with a ping at each heartbeat."""
    effects: list[Effect] = []
    for now_ms in range(start_ms, end_ms + 1, limits.HEARTBEAT_MS):
        session.receive(monitor.Ping(0), now_ms)
        effects += session.tick(now_ms)
    return effects


def test_a_stream_is_rotated_once_after_a_day_and_closed_after_another_hour() -> None:
    session = opened(age_ms=limits.STREAM_MS - 20_000)
    assert awake(session, 0, 10_000) == []
    assert awake(session, 20_000, 60_000) == [Send(monitor.Rotate())]
    assert stores(session.receive(batch(1, 3), 60_000)) == [(1, 3)]
    assert awake(session, 60_000, 20_000 + TIMES.rotate_ms - limits.HEARTBEAT_MS) == []
    assert closes(awake(session, 20_000 + TIMES.rotate_ms, 20_000 + TIMES.rotate_ms)) == [CloseCode.DRAINING]


def test_the_age_of_a_stream_does_not_depend_on_the_clock_of_the_session() -> None:
    session = CandidateSession(5_000_000)
    session.receive(HELLO, 5_000_000)
    session.opened(welcome(age_ms=limits.STREAM_MS - 1), [])
    assert session.tick(5_000_000) == []
    assert session.tick(5_000_001) == [Send(monitor.Rotate())]


def test_a_stream_from_a_clock_that_was_ahead_lives_no_longer_than_a_day() -> None:
    session = opened(age_ms=-limits.STREAM_MS)
    assert awake(session, limits.STREAM_MS, limits.STREAM_MS) == [Send(monitor.Rotate())]
