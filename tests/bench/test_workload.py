from bench import workload
from bench.workload import Tape
from protocol.codec import Encoding
from protocol.limits import EVENTS_PER_FRAME, FRAME_BYTES

START_MS = 1_790_000_000_000


def record(sessions: int = 8, events_each: int = 250) -> list[Tape]:
    return workload.record(sessions, events_each, per_frame=100, seed=3, started_ms=START_MS)


def test_a_tape_holds_as_many_events_as_were_asked_for_numbered_without_holes() -> None:
    for tape in record():
        numbers = [entry.seq for frame in tape.frames for entry in workload.entries(frame, tape)]
        assert numbers == list(range(1, 251))
        assert tape.events == 250
        assert [frame.last_seq for frame in tape.frames] == [100, 200, 250]


def test_a_hub_takes_every_event_of_a_tape() -> None:
    for tape in record():
        assert all(len(frame.payload) <= FRAME_BYTES and frame.events <= EVENTS_PER_FRAME for frame in tape.frames)
        assert all(entry.reject is None for frame in tape.frames for entry in workload.entries(frame, tape))


def test_every_fourth_client_speaks_messagepack_as_in_a_simulated_class() -> None:
    assert [tape.encoding for tape in record()].count(Encoding.MSGPACK) == 2


def test_the_same_seed_makes_the_same_tapes() -> None:
    assert record() == record()


def test_single_events_are_the_tapes_own() -> None:
    tape = record()[0]
    alone = workload.singles(tape, 120)
    assert [frame.events for frame in alone.frames] == [1] * 120
    whole = [entry for frame in tape.frames for entry in workload.entries(frame, tape)]
    assert [workload.entries(frame, alone)[0] for frame in alone.frames] == whole[:120]
