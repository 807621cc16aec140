from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.backoff import Backoff

seconds = st.floats(0.001, 1_000)


def test_pauses_double_up_to_the_limit() -> None:
    backoff = Backoff(0.5, 30)
    assert [backoff.next_s() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_reset_starts_with_the_shortest_pause_again() -> None:
    backoff = Backoff(0.5, 30)
    for _ in range(4):
        backoff.next_s()
    backoff.reset()
    assert (backoff.failures, backoff.next_s()) == (0, 0.5)


def test_a_factor_other_than_two() -> None:
    backoff = Backoff(15, 240, factor=4)
    assert [backoff.pause_s(failures) for failures in range(4)] == [15, 60, 240, 240]


def test_a_count_of_failures_kept_elsewhere_changes_nothing_here() -> None:
    backoff = Backoff(1, 60)
    assert backoff.pause_s(3) == 8
    assert backoff.failures == 0


@given(seconds, seconds, st.integers(0, 100_000))
def test_a_pause_is_never_longer_than_the_limit(base_s: float, cap_s: float, failures: int) -> None:
    assert 0 < Backoff(base_s, cap_s).pause_s(failures) <= cap_s


@given(st.integers(), st.integers(0, 100))
def test_jitter_takes_a_random_part_of_the_pause(seed: int, failures: int) -> None:
    whole_s = Backoff(0.5, 30).pause_s(failures)
    assert 0 <= Backoff(0.5, 30, jitter=Random(seed).uniform).pause_s(failures) <= whole_s


def test_jitter_spreads_clients_over_the_whole_pause() -> None:
    pauses = sorted(Backoff(10, 10, jitter=Random(seed).uniform).next_s() for seed in range(500))
    assert pauses[50] == pytest.approx(1, abs=0.6)
    assert pauses[450] == pytest.approx(9, abs=0.6)
