from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.batcher import Batcher, Offer, PendingBatch
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
