from hub.monitor.sequence import StreamSequence
from protocol import limits
from protocol.events import Batch, Entry


def batch(first: int, last: int, size: int = 10) -> Batch:
    return Batch(first, last, tuple(Entry(seq, "copy", 0, 0, "{}") for seq in range(first, last + 1)), size)


def begun(committed: int) -> StreamSequence:
    sequence = StreamSequence()
    sequence.start_after(committed)
    return sequence


def test_the_next_number_is_no_gap_and_the_one_after_is() -> None:
    assert not begun(5).is_gap(batch(6, 7))
    assert begun(5).is_gap(batch(7, 7))


def test_only_stored_numbers_are_already_stored() -> None:
    assert [entry.seq for entry in begun(5).already_stored(batch(4, 8))] == [4, 5]
    assert begun(5).already_stored(batch(6, 8)) == ()


def test_only_new_numbers_are_accepted() -> None:
    sequence = begun(5)
    sequence.accept(batch(4, 8))
    started = sequence.start_next()
    assert started is not None
    assert (started.first_seq, started.last_seq) == (6, 8)
    assert [entry.seq for entry in started.entries] == [6, 7, 8]


def test_one_batch_is_in_flight_at_a_time_and_the_rest_waits_together() -> None:
    sequence = begun(0)
    sequence.accept(batch(1, 2))
    first = sequence.start_next()
    sequence.accept(batch(3, 3))
    sequence.accept(batch(4, 6))
    assert sequence.start_next() is None
    assert sequence.commit() is first
    assert sequence.committed == 2
    second = sequence.start_next()
    assert second is not None
    assert (second.first_seq, second.last_seq, second.size) == (3, 6, 20)
    assert not sequence.is_idle
    sequence.commit()
    assert sequence.is_idle


def test_bytes_count_until_they_are_stored_or_released() -> None:
    sequence = begun(0)
    sequence.accept(batch(1, 2, size=30))
    sequence.start_next()
    sequence.accept(batch(3, 3, size=12))
    assert sequence.waiting_bytes == 42
    sequence.drop_waiting()
    assert (sequence.waiting_bytes, sequence.accepted) == (30, 2)
    sequence.release()
    assert (sequence.waiting_bytes, sequence.committed) == (0, 0)
    assert sequence.commit() is None


def test_more_than_two_windows_of_events_or_bytes_exceed_the_window() -> None:
    sequence = begun(0)
    sequence.accept(batch(1, 2 * limits.WINDOW_EVENTS))
    exceeded_before = sequence.exceeds_window
    sequence.accept(batch(2 * limits.WINDOW_EVENTS + 1, 2 * limits.WINDOW_EVENTS + 1))
    assert (exceeded_before, sequence.exceeds_window) == (False, True)
    sequence = begun(0)
    sequence.accept(batch(1, 1, size=2 * limits.WINDOW_BYTES + 1))
    assert sequence.exceeds_window
