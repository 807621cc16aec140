from random import Random

from veritas.client.reconnect import FIRST_S, MOST_S, Backoff


class Longest(Random):
    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the signature is the library's
        return b


def test_the_bound_doubles_from_half_a_second_to_thirty() -> None:
    backoff = Backoff(Longest())
    assert [backoff.after() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_delays_are_spread_over_the_whole_range() -> None:
    delays = sorted(Backoff(Random(seed)).after() for seed in range(500))
    assert delays[0] < 0.01 * FIRST_S + 0.01
    assert delays[-1] > 0.98 * FIRST_S
    assert 0.4 * FIRST_S < delays[250] < 0.6 * FIRST_S


def test_a_proven_connection_starts_over() -> None:
    backoff = Backoff(Longest())
    for _ in range(5):
        backoff.after()
    assert backoff.after(proven=True) == FIRST_S


def test_after_a_drain_the_named_time_is_used_and_costs_nothing() -> None:
    backoff = Backoff(Longest())
    assert backoff.after(wait_ms=12_000) == 12
    assert backoff.after() == FIRST_S


def test_years_of_failures_change_nothing() -> None:
    backoff = Backoff(Longest())
    assert [backoff.after() for _ in range(5_000)][-1] == MOST_S
