from bench.load import workload
from bench.load.workload import Recording
from protocol.codec import Encoding
from protocol.limits import EVENTS_PER_FRAME, FRAME_BYTES

START_MS = 1_790_000_000_000


def record(sessions: int = 8, events_each: int = 250) -> list[Recording]:
    return workload.record(sessions, events_each, per_frame=100, seed=3, started_ms=START_MS)


def test_a_recording_holds_the_requested_number_of_events_without_gaps() -> None:
    for recording in record():
        numbers = [entry.seq for frame in recording.frames for entry in workload.entries(frame, recording)]
        assert numbers == list(range(1, 251))
        assert recording.events == 250
        assert [frame.last_seq for frame in recording.frames] == [100, 200, 250]


def test_a_hub_accepts_every_event_of_a_recording() -> None:
    for recording in record():
        assert all(len(frame.payload) <= FRAME_BYTES and frame.events <= EVENTS_PER_FRAME for frame in recording.frames)
        assert all(entry.reject is None for frame in recording.frames for entry in workload.entries(frame, recording))


def test_every_fourth_client_speaks_messagepack_as_in_a_simulated_class() -> None:
    assert [recording.encoding for recording in record()].count(Encoding.MSGPACK) == 2


def test_the_same_seed_makes_the_same_recordings() -> None:
    assert record() == record()


def test_single_events_come_from_the_recording() -> None:
    recording = record()[0]
    alone = workload.singles(recording, 120)
    assert [frame.events for frame in alone.frames] == [1] * 120
    whole = [entry for frame in recording.frames for entry in workload.entries(frame, recording)]
    assert [workload.entries(frame, alone)[0] for frame in alone.frames] == whole[:120]
