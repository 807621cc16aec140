from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.batcher import CROWD, GATHER_S, SMALL_ROWS, Batcher, Flushed, Offer, PendingBatch, pause_s
from protocol.events import Batch, Entry

STREAM = uuid4()


def make_batch(rows: int, size: int, stream: UUID = STREAM) -> PendingBatch:
    entries = tuple(Entry(seq, "copy", 0, 0, "{}") for seq in range(1, rows + 1))
    return PendingBatch(stream, stream, Batch(1, rows, entries, size), lambda _: None)


def test_batches_leave_in_the_order_they_came() -> None:
    batcher = Batcher(max_bytes=1000, max_rows=100)
    came = [make_batch(1, 10) for _ in range(5)]
    for pending in came:
        batcher.offer(pending)
    assert batcher.take() == came


def test_a_full_batcher_returns_full_and_keeps_nothing() -> None:
    batcher = Batcher(max_bytes=100, max_rows=100)
    assert batcher.offer(make_batch(1, 90)) is Offer.TAKEN
    assert batcher.offer(make_batch(1, 20)) is Offer.FULL
    assert (len(batcher), batcher.waiting_bytes) == (1, 90)


def test_a_batch_larger_than_the_bound_is_taken_when_no_other_one_waits() -> None:
    batcher = Batcher(max_bytes=100, max_rows=100)
    assert batcher.offer(make_batch(1, 500)) is Offer.TAKEN


def test_a_batch_of_more_rows_than_a_flush_still_leaves_whole() -> None:
    batcher = Batcher(max_bytes=1000, max_rows=10)
    batcher.offer(make_batch(50, 1))
    assert [len(pending.batch.entries) for pending in batcher.take()] == [50]


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 50))), st.integers(1, 30))
def test_no_taken_batch_is_lost_or_repeated(offers: list[tuple[int, int]], max_rows: int) -> None:
    batcher = Batcher(max_bytes=200, max_rows=max_rows)
    kept = [
        pending
        for pending in (make_batch(rows, size) for rows, size in offers)
        if batcher.offer(pending) is Offer.TAKEN
    ]
    left: list[PendingBatch] = []
    while taken := batcher.take():
        assert len(taken) == 1 or sum(len(pending.batch.entries) for pending in taken) <= max_rows
        left += taken
    assert all(a is b for a, b in zip(left, kept, strict=True))
    assert (len(batcher), batcher.waiting_bytes) == (0, 0)


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 50))
def test_the_waiting_rows_are_those_that_were_not_taken(sizes: list[int], most: int) -> None:
    batcher = Batcher(max_bytes=10_000, max_rows=most)
    for rows in sizes:
        batcher.offer(make_batch(rows, 1))
    left = sum(sizes)
    while taken := batcher.take():
        left -= sum(len(pending.batch.entries) for pending in taken)
        assert batcher.waiting_rows == left
    assert batcher.waiting_rows == 0


flushes = st.builds(Flushed, st.just(0.0), st.integers(0, 500), st.integers(0, 5_000))


@given(flushes, st.floats(0, 10), st.integers(0, 5_000))
def test_a_flush_never_waits_longer_than_to_the_next_regular_one(last: Flushed, now_s: float, rows: int) -> None:
    assert 0 <= pause_s(last, now_s, rows, max_rows=5_000) <= max(0.0, GATHER_S - now_s)


@given(flushes.filter(lambda last: last.batches < CROWD), st.floats(0, 10), st.integers(0, 5_000))
def test_where_few_clients_send_a_flush_begins_at_once(last: Flushed, now_s: float, rows: int) -> None:
    assert pause_s(last, now_s, rows, max_rows=5_000) == 0


@given(st.integers(CROWD, 500), st.floats(0, 10))
def test_after_a_flush_of_large_frames_the_next_one_begins_at_once(batches: int, now_s: float) -> None:
    assert pause_s(Flushed(0.0, batches, SMALL_ROWS * batches + 1), now_s, 1, max_rows=5_000) == 0


@given(st.integers(CROWD, 500))
def test_when_many_clients_send_small_frames_a_flush_gathers_until_enough_rows_wait(batches: int) -> None:
    last = Flushed(0.0, batches, batches)
    assert pause_s(last, 0, 1, max_rows=5_000) == GATHER_S
    assert pause_s(last, 0, 2_500, max_rows=5_000) == 0
