from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codes import CloseCode, may_reconnect
from veritas.client.reconnect import FIRST_S, MOST_S, RENEW_BEFORE_MS, ReconnectPause, Route, renew_in_ms


class Longest(Random):
    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the signature is the library's
        return b


def test_the_bound_doubles_from_half_a_second_to_thirty() -> None:
    pause = ReconnectPause(Longest())
    assert [pause.after_s() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_delays_are_spread_over_the_whole_range() -> None:
    delays = sorted(ReconnectPause(Random(seed)).after_s() for seed in range(500))
    assert delays[0] < 0.01 * FIRST_S + 0.01
    assert delays[-1] > 0.98 * FIRST_S
    assert 0.4 * FIRST_S < delays[250] < 0.6 * FIRST_S


def test_a_proven_connection_starts_over() -> None:
    pause = ReconnectPause(Longest())
    for _ in range(5):
        pause.after_s()
    assert pause.after_s(proven=True) == FIRST_S


def test_a_drain_sets_the_delay_and_counts_no_failure() -> None:
    pause = ReconnectPause(Longest())
    assert pause.after_s(wait_ms=12_000) == 12
    assert pause.after_s() == FIRST_S


def test_the_delay_keeps_its_limit_after_thousands_of_failures() -> None:
    pause = ReconnectPause(Longest())
    assert [pause.after_s() for _ in range(5_000)][-1] == MOST_S


def test_starting_over_forgets_the_failures() -> None:
    pause = ReconnectPause(Longest())
    for _ in range(5):
        pause.after_s()
    pause.reset()
    assert pause.after_s() == FIRST_S


@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.none() | st.integers(0, 30_000), st.booleans()), max_size=60),
)
def test_a_delay_never_exceeds_the_limit_for_its_failures(seed: int, history: list[tuple[int | None, bool]]) -> None:
    pause, failures = ReconnectPause(Random(seed)), 0
    for wait_ms, proven in history:
        failures = 0 if proven else failures
        delay_s = pause.after_s(wait_ms=wait_ms, proven=proven)
        most_s = min(MOST_S, FIRST_S * 2**failures) if wait_ms is None else wait_ms / 1000
        assert 0 <= delay_s <= most_s
        failures += wait_ms is None


A, B, C = "ws://a", "ws://b", "ws://c"


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 4500, 4503, 4505])
def test_after_these_the_next_address_is_tried(code: int) -> None:
    route = Route([A, B, C])
    seen = [route.url]
    for _ in range(3):
        route.after(code)
        seen.append(route.url)
    assert seen == [A, B, C, A]


@pytest.mark.parametrize("code", [1000, 4408, 4419, 4422, 4429, 4504])
def test_frames_about_the_client_do_not_change_the_position(code: int) -> None:
    route = Route([A, B])
    route.after(code)
    assert route.url == A


def test_a_client_needs_an_address() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Route([])


@given(st.lists(st.sampled_from([1006, *CloseCode]), max_size=30), st.integers(1, 4))
def test_every_address_gets_its_turn(codes: list[int], count: int) -> None:
    urls = [f"ws://{number}" for number in range(count)]
    route = Route(urls)
    for code in codes:
        route.after(code)
    tried = {route.url}
    for _ in range(count - 1):
        route.after(1006)
        tried.add(route.url)
    assert tried == set(urls)


def test_a_dead_hub_is_left_at_the_first_retry_within_half_a_second() -> None:
    route, pause = Route([A, B]), ReconnectPause(Longest())
    assert may_reconnect(1006)
    route.after(1006)
    assert (route.url, pause.after_s(proven=True)) == (B, 0.5)


def test_a_sign_in_is_renewed_a_minute_before_its_end() -> None:
    assert renew_in_ms(600_000) == 600_000 - RENEW_BEFORE_MS


@given(st.floats(-1e9, 1e9))
def test_a_renewal_is_never_late_and_never_a_storm(left_ms: float) -> None:
    wait_ms = renew_in_ms(left_ms)
    assert wait_ms >= 1_000
    assert wait_ms < left_ms or left_ms <= 1_000
