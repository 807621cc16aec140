import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.budget import FLOOR, FULL, NONE, Budget

bounds = st.integers(0, 10**9).flatmap(lambda soft: st.tuples(st.just(soft), st.integers(soft + 1, 2 * 10**9)))


def used(soft_bytes: int, hard_bytes: int, used_bytes: int) -> Budget:
    budget = Budget(soft_bytes, hard_bytes)
    budget.move(used_bytes)
    return budget


@given(bounds, st.floats(0, 1))
def test_below_the_soft_bound_each_candidate_has_the_full_window(bound: tuple[int, int], share: float) -> None:
    assert used(*bound, int(bound[0] * share)).window() == FULL


@given(bounds, st.integers(0, 10**9))
def test_at_the_hard_bound_the_window_is_none_and_the_process_full(bound: tuple[int, int], more: int) -> None:
    budget = used(*bound, bound[1] + more)
    assert budget.window() == NONE
    assert budget.is_full


@given(bounds, st.integers(0, 2 * 10**9), st.integers(0, 10**9))
def test_a_window_only_shrinks_with_the_load_and_stays_above_its_floor(
    bound: tuple[int, int], first: int, more: int
) -> None:
    less, window = used(*bound, first), used(*bound, first + more)
    assert window.window().events <= less.window().events
    assert window.window().bytes <= less.window().bytes
    if not window.is_full:
        assert window.window().events >= FLOOR.events
        assert window.window().bytes >= FLOOR.bytes


@given(bounds, st.lists(st.integers(0, 10**6), max_size=30))
def test_bytes_that_were_taken_and_released_leave_nothing(bound: tuple[int, int], moves: list[int]) -> None:
    budget = Budget(*bound)
    for size in moves:
        budget.move(size)
    for size in reversed(moves):
        budget.move(-size)
    assert budget.used_bytes == 0
    assert budget.window() == FULL


def test_windows_come_in_a_few_sizes() -> None:
    windows = {used(1_000, 2_000, size).window() for size in range(2_100)}
    assert len(windows) <= 10


@given(st.integers(0, 2_100))
def test_small_changes_of_the_load_change_the_window_once(around: int) -> None:
    budget = used(1_000, 2_000, around)
    windows = [budget.window()]
    for delta in (1, -1) * 20:
        budget.move(delta)
        windows.append(budget.window())
    assert sum(before != after for before, after in itertools.pairwise(windows)) <= 1


@given(bounds, st.lists(st.integers(0, 2 * 10**9), max_size=30))
def test_a_window_is_never_larger_than_the_load_allows_after_any_earlier_load(
    bound: tuple[int, int], levels: list[int]
) -> None:
    budget = Budget(*bound)
    for level in levels:
        budget.move(level - budget.used_bytes)
        assert budget.window().events <= used(*bound, level).window().events
    budget.move(-budget.used_bytes)
    assert budget.window() == FULL


@pytest.mark.parametrize(("soft", "hard"), [(1, 1), (2, 1), (-1, 1)])
def test_a_soft_bound_that_is_not_below_the_hard_one_is_refused(soft: int, hard: int) -> None:
    with pytest.raises(ValueError):
        Budget(soft, hard)
