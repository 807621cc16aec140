import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Spread, latency, per_100k, percentile, ratios, spread


def test_a_spread_is_the_median_between_the_least_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_ratios_are_taken_round_by_round_and_not_of_medians() -> None:
    assert ratios([50.0, 40.0, 90.0], [100.0, 50.0, 100.0]) == Spread(0.8, 0.5, 0.9)


def test_a_run_without_its_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert (percentile(ordered, 0.5), percentile(ordered, 0.99), percentile(ordered, 1.0)) == (50.0, 99.0, 100.0)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1.0))
def test_a_percentile_leaves_at_most_its_share_below(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-6


def test_waits_need_no_order() -> None:
    waits = latency([5.0, 1.0, 3.0])
    assert (waits.count, waits.p50_ms, waits.p99_ms, waits.most_ms) == (3, 3.0, 5.0, 5.0)


def test_cpu_is_reported_per_100_000_events() -> None:
    assert per_100k(2.0, 400_000) == 0.5
