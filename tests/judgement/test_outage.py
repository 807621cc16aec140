"""Cohort outages compared with their definition: exactly the attempts that were lost together with enough others."""

from collections.abc import Sequence
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from judgement.outage import LEAST, SHARE, WITHIN_MS, CohortOutage, Loss, find_cohort_outages

EXAM, OTHER = UUID(int=1), UUID(int=2)
OUTAGE = UUID(int=77)


def lost_at(*seconds: float, exam_id: UUID = EXAM, first: int = 0) -> list[Loss]:
    return [Loss(UUID(int=first + n), exam_id, int(at * 1000)) for n, at in enumerate(seconds)]


def members(outages: Sequence[CohortOutage]) -> set[UUID]:
    return {attempt for outage in outages for attempt in outage.attempts}


def together(losses: Sequence[Loss], online: int) -> set[UUID]:
    """Apply the definition: all losses in a window with enough others."""
    found = set()
    for first in losses:
        window = [loss for loss in losses if 0 <= loss.lost_at_ms - first.lost_at_ms <= WITHIN_MS]
        if len(window) >= LEAST and len(window) >= SHARE * (online + len(window)):
            found |= {loss.attempt_id for loss in window}
    return found


losses = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([EXAM, OTHER])).map(lambda loss: (loss[0] * 1000, loss[1])),
    max_size=40,
).map(lambda ones: [Loss(UUID(int=n), exam_id, at) for n, (at, exam_id) in enumerate(ones)])


def test_many_lost_within_seconds_are_one_outage() -> None:
    [outage] = find_cohort_outages(lost_at(0, 1, 2, 3, 9.9), {EXAM: 11})
    assert (outage.exam_id, outage.group, outage.lost, outage.of) == (EXAM, None, 5, 16)


def test_a_few_losses_are_no_outage() -> None:
    assert find_cohort_outages(lost_at(0, 1, 2, 3), {}) == []


def test_many_losses_are_no_outage_while_many_more_stay_connected() -> None:
    assert find_cohort_outages(lost_at(0, 1, 2, 3, 4), {EXAM: 12}) == []
    assert len(find_cohort_outages(lost_at(0, 1, 2, 3, 4), {EXAM: 11})) == 1


def test_losses_one_after_the_other_are_no_outage() -> None:
    assert find_cohort_outages(lost_at(*range(0, 300, 6)), {EXAM: 1}) == []


def test_two_waves_are_two_outages_and_overlapping_ones_are_one() -> None:
    assert len(find_cohort_outages(lost_at(0, 1, 2, 3, 4, 60, 61, 62, 63, 64), {})) == 2
    assert len(find_cohort_outages(lost_at(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20), {})) == 1


def test_a_slightly_later_loss_joins_the_recorded_outage() -> None:
    before = lost_at(0, 1, 2, 3, 4)
    recorded = [Loss(loss.attempt_id, loss.exam_id, loss.lost_at_ms, OUTAGE) for loss in before[:4]]
    [outage] = find_cohort_outages([*recorded, before[4]], {})
    assert (outage.group, before[4].attempt_id in outage.attempts) == (OUTAGE, True)


def test_exams_are_independent() -> None:
    mixed = lost_at(0, 1, 2) + lost_at(0, 1, 2, exam_id=OTHER, first=10)
    assert find_cohort_outages(mixed, {}) == []


@given(losses, st.integers(0, 60))
def test_cohort_outages_contain_exactly_the_attempts_lost_together(losses: list[Loss], online: int) -> None:
    found = find_cohort_outages(losses, {EXAM: online, OTHER: online})
    expected = set()
    for exam_id in (EXAM, OTHER):
        expected |= together([loss for loss in losses if loss.exam_id == exam_id], online)
    assert members(found) == expected


@given(losses, st.integers(0, 60))
def test_no_attempt_is_in_two_cohort_outages_and_each_counts_its_attempts(losses: list[Loss], online: int) -> None:
    found = find_cohort_outages(losses, {EXAM: online})
    assert len(members(found)) == sum(outage.lost for outage in found)
    exams = {loss.attempt_id: loss.exam_id for loss in losses}
    for outage in found:
        assert {exams[attempt] for attempt in outage.attempts} == {outage.exam_id}
        assert outage.of == outage.lost + (online if outage.exam_id == EXAM else 0)


@given(losses, st.integers(0, 60), st.integers(0, 10**12), st.randoms())
def test_neither_order_nor_date_matters(losses: list[Loss], online: int, later_ms: int, random: Random) -> None:
    moved = [Loss(loss.attempt_id, loss.exam_id, loss.lost_at_ms + later_ms) for loss in losses]
    random.shuffle(moved)
    assert find_cohort_outages(moved, {EXAM: online}) == find_cohort_outages(losses, {EXAM: online})


@given(losses, st.integers(0, 60))
def test_more_connected_attempts_add_no_attempt_to_a_cohort_outage(losses: list[Loss], online: int) -> None:
    fewer, more = find_cohort_outages(losses, {EXAM: online}), find_cohort_outages(losses, {EXAM: online + 1})
    assert members(more) <= members(fewer)
