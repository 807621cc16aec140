from uuid import UUID, uuid4

import pytest

from bench.errors import BenchError
from bench.figures import latency
from bench.ingest import check_counts
from bench.load.messages import LoadOutcome

ONE, TWO = uuid4(), uuid4()


def outcome(sent: int, by_client: list[int]) -> LoadOutcome:
    acked = sum(by_client)
    return LoadOutcome(sent=sent, acked=acked, by_client=by_client, seconds=1.0, cpu_s=0.1, waits=latency([1.0]))


def test_a_run_that_lost_nothing_passes() -> None:
    check_counts(outcome(5, [3, 2]), [ONE, TWO], {ONE: (3, 3, 0), TWO: (2, 2, 0)})


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (6, {ONE: (3, 3, 0), TWO: (2, 2, 0)}),
        (5, {ONE: (3, 3, 0), TWO: (1, 1, 0)}),
        (5, {ONE: (3, 3, 0)}),
        (5, {ONE: (2, 2, 0), TWO: (3, 3, 0)}),
        (5, {ONE: (3, 4, 0), TWO: (2, 2, 0)}),
        (5, {ONE: (3, 3, 1), TWO: (2, 2, 0)}),
    ],
    ids=["not acknowledged", "not stored", "nothing stored", "under another's name", "with a hole", "refused"],
)
def test_a_lost_doubled_moved_or_refused_event_ends_the_benchmark(
    sent: int, stored: dict[UUID, tuple[int, int, int]]
) -> None:
    with pytest.raises(BenchError):
        check_counts(outcome(sent, [3, 2]), [ONE, TWO], stored)
