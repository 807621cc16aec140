from hub.monitor.sequence import StreamSequence
from protocol import limits
from protocol.events import Batch, Entry


def batch(first: int, last: int, size: int = 10) -> Batch:
    return Batch(first, last, tuple(Entry(seq, "copy", 0, 0, "{}") for seq in range(first, last + 1)), size)


def begun(committed: int) -> StreamSequence:
    numbers = StreamSequence()
    numbers.start_after(committed)
    return numbers


def test_the_next_number_is_no_gap_and_the_one_after_is() -> None:
    assert not begun(5).is_gap(batch(6, 7))
    assert begun(5).is_gap(batch(7, 7))


def test_what_is_stored_is_known_and_nothing_else() -> None:
    assert [entry.seq for entry in begun(5).already_stored(batch(4, 8))] == [4, 5]
    assert begun(5).already_stored(batch(6, 8)) == ()


def test_only_what_is_new_is_taken() -> None:
    numbers = begun(5)
    numbers.accept(batch(4, 8))
    launched = numbers.start_next()
    assert launched is not None
    assert (launched.first_seq, launched.last_seq) == (6, 8)
    assert [entry.seq for entry in launched.entries] == [6, 7, 8]


def test_one_batch_flies_at_a_time_and_the_rest_waits_together() -> None:
    numbers = begun(0)
    numbers.accept(batch(1, 2))
    first = numbers.start_next()
    numbers.accept(batch(3, 3))
    numbers.accept(batch(4, 6))
    assert numbers.start_next() is None
    assert numbers.commit() is first
    assert numbers.committed == 2
    second = numbers.start_next()
    assert second is not None
    assert (second.first_seq, second.last_seq, second.size) == (3, 6, 20)
    assert not numbers.is_idle
    numbers.commit()
    assert numbers.is_idle


def test_bytes_wait_until_they_are_stored_or_recalled() -> None:
    numbers = begun(0)
    numbers.accept(batch(1, 2, size=30))
    numbers.start_next()
    numbers.accept(batch(3, 3, size=12))
    assert numbers.waiting_bytes == 42
    numbers.drop_waiting()
    assert (numbers.waiting_bytes, numbers.accepted) == (30, 2)
    numbers.release()
    assert (numbers.waiting_bytes, numbers.committed) == (0, 0)
    assert numbers.commit() is None


def test_more_than_two_windows_of_events_or_of_bytes_is_an_overrun() -> None:
    numbers = begun(0)
    numbers.accept(batch(1, 2 * limits.WINDOW_EVENTS))
    assert not numbers.exceeds_window
    numbers.accept(batch(2 * limits.WINDOW_EVENTS + 1, 2 * limits.WINDOW_EVENTS + 1))
    assert numbers.exceeds_window
    numbers = begun(0)
    numbers.accept(batch(1, 1, size=2 * limits.WINDOW_BYTES + 1))
    assert numbers.exceeds_window
