from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.monitor.session import (
    TIMES,
    CandidateSession,
    Close,
    Compare,
    Open,
    Phase,
    RecordResult,
    Send,
    Store,
)
from protocol import limits, monitor
from protocol.codec import EmptyBatch, Received
from protocol.codes import CloseCode, ErrorCode, RejectCode
from protocol.errors import Malformed, TooLarge, UnknownFrame
from protocol.events import Batch, Entry, tombstone
from tests.hub.monitor.session.sessions import HELLO, ID, batch, closes, frames, opened, stores, welcome


def test_a_hello_is_opened_and_then_gets_a_welcome() -> None:
    session = CandidateSession(0)
    assert session.receive(HELLO, 1) == [Open(HELLO)]
    assert session.opened(welcome(4), []) == [Send(welcome(4))]
    assert session.committed == 4


def test_pending_instructions_follow_the_welcome() -> None:
    session = CandidateSession(0)
    session.receive(HELLO, 1)
    message = monitor.Instruct(id=1, action="message", issued_at=0, body={"text": "hi"})
    assert frames(session.opened(welcome(), [message])) == [welcome(), message]


@pytest.mark.parametrize(
    "hello",
    [
        monitor.Hello(attempt_id=ID, boot=ID, acked=0, next_seq=1, client=HELLO.client, mono=0, at=0),
        monitor.Hello(
            ticket="a", token="b", attempt_id=ID, boot=ID, acked=0, next_seq=1, client=HELLO.client, mono=0, at=0
        ),
        monitor.Hello(ticket="a", attempt_id=ID, boot=ID, acked=1, next_seq=1, client=HELLO.client, mono=0, at=0),
        monitor.Hello(ticket="a", attempt_id=ID, boot=ID, acked=-1, next_seq=1, client=HELLO.client, mono=0, at=0),
        monitor.Hello(ticket="a", attempt_id=ID, boot=ID, acked=0, next_seq=1, client=HELLO.client, mono=-1, at=0),
        msgspec.structs.replace(HELLO, at=limits.TIME_MAX_MS + 1),
        msgspec.structs.replace(HELLO, next_seq=limits.SEQ_MAX + 1),
        msgspec.structs.replace(HELLO, can=["pause", "a\0"]),
        msgspec.structs.replace(HELLO, can=["x"] * (limits.ACTIONS + 1)),
        msgspec.structs.replace(HELLO, client=monitor.Client("x" * 65, "1")),
        msgspec.structs.replace(HELLO, client=monitor.Client("x", "\0")),
    ],
    ids=["neither", "both", "acked", "negative", "mono", "at", "next", "NUL", "can", "name", "version"],
)
def test_an_invalid_hello_is_malformed(hello: monitor.Hello) -> None:
    assert closes(CandidateSession(0).receive(hello, 0)) == [CloseCode.MALFORMED]


EARLY = pytest.mark.parametrize(
    "frame",
    [
        batch(1, 1),
        EmptyBatch(),
        monitor.Bye(),
        monitor.Lost(3, "x"),
        monitor.Done(1, ok=True),
        monitor.Auth("x"),
        monitor.Ping(1),
    ],
    ids=lambda frame: type(frame).__name__,
)


@EARLY
def test_any_other_first_frame_than_hello_is_malformed(frame: Received) -> None:
    assert closes(CandidateSession(0).receive(frame, 0)) == [CloseCode.MALFORMED]


@EARLY
def test_only_ping_is_allowed_between_hello_and_welcome(frame: Received) -> None:
    session = CandidateSession(0)
    session.receive(HELLO, 0)
    expected = [] if isinstance(frame, monitor.Ping) else [CloseCode.MALFORMED]
    assert closes(session.receive(frame, 0)) == expected


def test_an_unknown_frame_is_not_allowed_before_the_hello() -> None:
    assert closes(CandidateSession(0).receive_invalid(UnknownFrame("wave"), 0)) == [CloseCode.MALFORMED]


def test_a_second_hello_is_malformed() -> None:
    assert closes(opened().receive(HELLO, 0)) == [CloseCode.MALFORMED]


def test_events_are_stored_and_acknowledged_only_when_stored() -> None:
    session = opened()
    effects = session.receive(batch(1, 3), 0)
    assert stores(effects) == [(1, 3)]
    assert frames(effects) == []
    assert frames(session.stored([])) == [monitor.Ack(3)]


def test_events_that_arrive_while_a_batch_is_in_flight_are_merged_into_the_next() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    assert stores(session.receive(batch(4, 5), 0)) == []
    assert stores(session.receive(batch(6, 9), 0)) == []
    effects = session.stored([])
    assert frames(effects) == [monitor.Ack(3)]
    assert stores(effects) == [(4, 9)]


def test_stored_numbers_are_compared_and_acknowledged_again_and_not_stored_again() -> None:
    again = batch(2, 5)
    assert opened(committed=5).receive(again, 0) == [Compare(again.entries), Send(monitor.Ack(5))]


def test_numbers_in_flight_are_ignored_because_their_acknowledgement_will_come() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    assert session.receive(batch(1, 3), 0) == []


def test_a_frame_with_known_and_new_numbers_is_taken_from_the_first_new_one() -> None:
    assert stores(opened(committed=5).receive(batch(4, 8), 0)) == [(6, 8)]


def test_a_frame_can_have_stored_numbers_numbers_in_flight_and_new_ones() -> None:
    session = opened(committed=5)
    session.receive(batch(6, 7), 0)
    frame = batch(4, 9)
    assert session.receive(frame, 0) == [Compare(frame.entries[:2])]
    assert stores(session.stored([])) == [(8, 9)]


def test_a_frame_of_stored_numbers_and_numbers_in_flight_is_only_compared() -> None:
    session = opened(committed=5)
    session.receive(batch(6, 7), 0)
    frame = batch(5, 7)
    assert session.receive(frame, 0) == [Compare(frame.entries[:1])]


def test_a_gap_is_reported_and_closes() -> None:
    effects = opened(committed=5).receive(batch(7, 8), 0)
    assert closes(effects) == [CloseCode.GAP]
    assert isinstance(frames(effects)[0], monitor.Error)


def test_lost_numbers_become_one_entry_at_the_last_of_them() -> None:
    effects = opened(committed=5).receive(monitor.Lost(20, "queue_full"), 0)
    assert stores(effects) == [(6, 20)]
    stored = next(effect.batch for effect in effects if isinstance(effect, Store))
    assert [(entry.seq, entry.type, entry.payload) for entry in stored.entries] == [
        (20, "events_lost", '{"from":6,"reason":"queue_full"}')
    ]


def test_a_client_cannot_say_that_the_server_lost_its_events() -> None:
    effects = opened(committed=5).receive(monitor.Lost(20, "server_lost"), 0)
    stored = next(effect.batch for effect in effects if isinstance(effect, Store))
    assert [entry.payload for entry in stored.entries] == ['{"from":6,"reason":"unproven_ack"}']


def test_lost_numbers_follow_the_sequence_rules() -> None:
    session = opened(committed=5)
    assert session.receive(monitor.Lost(5, "x"), 0) == [Send(monitor.Ack(5))]
    session.receive(batch(6, 7), 0)
    assert session.receive(monitor.Lost(7, "x"), 0) == []
    session.receive(monitor.Lost(9, "x"), 0)
    assert stores(session.stored([])) == [(8, 9)]
    assert frames(session.stored([])) == [monitor.Ack(9)]


@pytest.mark.parametrize(
    "lost",
    [
        monitor.Lost(0, "x"),
        monitor.Lost(limits.LOST_NUMBERS + 6, "x"),
        monitor.Lost(limits.SEQ_MAX + 1, "x"),
        monitor.Lost(6, "\0"),
        monitor.Lost(6, "x" * 65),
    ],
)
def test_lost_numbers_that_could_not_be_recorded_are_malformed(lost: monitor.Lost) -> None:
    assert closes(opened().receive(lost, 0)) == [CloseCode.MALFORMED]


def test_rejected_numbers_come_with_their_acknowledgement() -> None:
    session = opened()
    stone = tombstone(1, RejectCode.TOO_DEEP, b"")
    session.receive(Batch(1, 2, (stone, Entry(2, "copy", 0, 0, "{}")), 10), 0)
    refused = monitor.Rejected(2, RejectCode.BAD_SHAPE)
    assert frames(session.stored([refused])) == [monitor.Ack(2, [monitor.Rejected(1, RejectCode.TOO_DEEP), refused])]


@pytest.mark.parametrize(
    "needless", [monitor.Ping(1), EmptyBatch(), monitor.Lost(3, "full")], ids=["ping", "empty", "lost again"]
)
def test_a_flood_of_frames_that_need_only_an_answer_is_too_fast(needless: Received) -> None:
    session = opened(committed=5)
    for number in range(200):
        assert closes(session.receive(needless, number * 100)) == []
    effects = [effect for _ in range(limits.CONTROL_BURST + 5) for effect in session.receive(needless, 20_000)]
    assert closes(effects) == [CloseCode.TOO_FAST]


def test_more_than_two_windows_unacknowledged_is_too_fast() -> None:
    session = opened()
    most = limits.OVERRUN_FACTOR * limits.WINDOW_EVENTS
    assert closes(session.receive(batch(1, most), 0)) == []
    assert closes(session.receive(batch(most + 1, most + 1), 0)) == [CloseCode.TOO_FAST]


def test_with_a_full_ingest_the_client_must_wait_and_the_batch_is_offered_again() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    assert session.held(100) == [Send(monitor.WindowChanged(0, 0, TIMES.retry_ms))]
    assert session.tick(100 + TIMES.retry_ms - 1) == []
    assert stores(session.tick(100 + TIMES.retry_ms)) == [(1, 3)]
    assert session.held(100 + TIMES.retry_ms) == []
    assert stores(session.tick(100 + 2 * TIMES.retry_ms)) == [(1, 3)]


def test_the_window_opens_again_once_the_held_batch_is_stored() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    session.held(0)
    assert frames(session.stored([])) == [
        monitor.Ack(3),
        monitor.WindowChanged(limits.WINDOW_EVENTS, limits.WINDOW_BYTES),
    ]
    session.receive(batch(4, 4), 0)
    assert frames(session.stored([])) == [monitor.Ack(4)]


@pytest.mark.parametrize(
    "done",
    [
        monitor.Done(0, ok=True),
        monitor.Done(2**31, ok=True),
        monitor.Done(1, False, "x" * 65),
        monitor.Done(1, False, "\0"),
    ],
)
def test_a_result_that_could_not_be_recorded_is_malformed(done: monitor.Done) -> None:
    assert closes(opened().receive(done, 0)) == [CloseCode.MALFORMED]


def test_a_batch_that_could_not_be_stored_closes_without_an_acknowledgement() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    effects = session.given_up()
    assert effects == [Close(CloseCode.OVERLOADED)]
    assert session.stored([]) == []


def test_bye_waits_for_the_batch_in_flight_and_the_one_after_it() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    session.receive(batch(4, 4), 0)
    assert session.receive(monitor.Bye(), 0) == []
    assert closes(session.stored([])) == []
    effects = session.stored([])
    assert frames(effects)[-1] == monitor.Ack(4)
    assert closes(effects) == [CloseCode.NORMAL]


def test_ping_is_answered_with_the_time_of_day() -> None:
    assert opened().receive(monitor.Ping(7), 9) == [Send(monitor.Pong(7, 9))]
    assert opened().receive(monitor.Ping(7), 9, wall_ms=1_000) == [Send(monitor.Pong(7, 1_000))]


INSTRUCT = monitor.Instruct(id=1, action="message", issued_at=0, body={"text": "x"})


def test_the_result_of_an_instruction_is_recorded() -> None:
    done = monitor.Done(1, ok=True)
    session = opened()
    session.instruct([INSTRUCT])
    assert session.receive(done, 0) == [RecordResult(done)]


def test_a_done_that_is_repeated_is_ignored() -> None:
    session = opened()
    session.instruct([INSTRUCT])
    session.receive(monitor.Done(1, ok=True), 0)
    assert session.receive(monitor.Done(1, ok=True), 0) == []


def test_a_done_for_an_instruction_that_was_not_sent_is_an_error() -> None:
    assert frames(opened().receive(monitor.Done(7, ok=True), 0)) == [
        monitor.Error(ErrorCode.NOT_FOUND, "You have not received an instruction 7.")
    ]


@pytest.mark.parametrize("numbers", [range(1, 1_000), [1] * 1_000], ids=["unknown", "repeated"])
def test_too_many_needless_dones_close_with_too_fast(numbers: Sequence[int]) -> None:
    session = opened()
    session.instruct([INSTRUCT])
    effects = [effect for number in numbers for effect in session.receive(monitor.Done(number, ok=True), 0)]
    assert closes(effects) == [CloseCode.TOO_FAST]
    assert len(effects) <= limits.NEEDLESS_DONES + 3


def test_a_session_that_was_resumed_records_every_result() -> None:
    done = monitor.Done(1, ok=True)
    assert CandidateSession.resumed(0, 0).receive(done, 0) == [RecordResult(done)]


def test_an_empty_frame_of_events_is_an_error_and_nothing_else() -> None:
    assert closes(opened().receive(EmptyBatch(), 0)) == []


def test_the_tenth_unknown_frame_closes() -> None:
    session = opened()
    for _ in range(limits.UNKNOWN_FRAMES - 1):
        assert closes(session.receive_invalid(UnknownFrame("wave"), 0)) == []
    assert closes(session.receive_invalid(UnknownFrame("wave"), 0)) == [CloseCode.MALFORMED]


def test_bytes_that_are_no_frame_close_with_their_code() -> None:
    assert closes(opened().receive_invalid(Malformed("x"), 0)) == [CloseCode.MALFORMED]
    assert closes(opened().receive_invalid(TooLarge("x"), 0)) == [CloseCode.TOO_LARGE]


def test_nothing_comes_out_of_a_closed_session() -> None:
    session = opened()
    session.receive(batch(1, 3), 0)
    assert session.close(CloseCode.SUPERSEDED) == [Close(CloseCode.SUPERSEDED)]
    assert session.phase is Phase.CLOSED
    assert session.receive(batch(4, 4), 0) == []
    assert session.stored([]) == []
    assert session.tick(10**9) == []
    assert session.close(CloseCode.INTERNAL) == []


steps = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12), st.booleans()), max_size=60)


@given(st.integers(0, 10), steps)
def test_the_stored_batches_are_contiguous_for_any_frames(committed: int, sends: list[tuple[int, int, bool]]) -> None:
    """Frames start and end anywhere and are stored sooner or later; acknowledgements never run ahead."""
    session = opened(committed)
    stored = committed
    in_flight: Batch | None = None
    for first, length, finish in sends:
        effects = session.receive(batch(first, first + length - 1), 0)
        if finish and in_flight is not None:
            stored, in_flight = in_flight.last_seq, None
            effects += session.stored([])
        for effect in effects:
            if isinstance(effect, Store):
                assert in_flight is None
                in_flight = effect.batch
                numbers = [entry.seq for entry in in_flight.entries]
                assert numbers == list(range(stored + 1, in_flight.last_seq + 1))
        assert all(frame.seq <= stored for frame in frames(effects) if isinstance(frame, monitor.Ack))
        if session.phase is Phase.CLOSED:
            return


def test_a_resumed_session_needs_no_hello() -> None:
    session = CandidateSession.resumed(5, 0)
    assert (session.phase, session.committed, session.accepted) == (Phase.OPEN, 5, 5)
    assert session.receive(batch(6, 7), 0) == [Store(batch(6, 7))]
