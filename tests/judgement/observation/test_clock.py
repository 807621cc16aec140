"""The clock of a client against the times of its events: honest ones raise nothing, wrong ones are found in time."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.observation.clock import (
    FLOW_MS,
    HELLO_MS,
    SLEEP_EVERY_MS,
    ClockFault,
    StreamClock,
    begin_clock,
    follow_clock,
)

START_MS = 1_700_000_000_000
FOUND_WITHIN_MS = 60_000

Arrivals = Sequence[tuple[int, int]]
"""The events of a stream: server time and rule time, in ms after the start."""


def follow(arrivals: Arrivals) -> list[tuple[int, ClockFault]]:
    """Return when each fault was found."""
    clock: StreamClock | None = None
    found = []
    for server_ms, time_ms in arrivals:
        if clock is None:
            clock = begin_clock(START_MS + server_ms, server_ms - time_ms)
        fault = follow_clock(clock, START_MS + server_ms, server_ms - time_ms)
        if fault is not None:
            found.append((server_ms, fault))
    return found


def send_until(length_ms: int, random: Random, every_ms: int = 5_000) -> list[int]:
    """Return the real times at which a client records events: now and then many, at least one every `every_ms`."""
    times, now_ms = [], 0
    while now_ms < length_ms:
        times.append(now_ms)
        now_ms += random.choice((random.randint(1, 400), random.randint(1, every_ms), every_ms))
    return times


def deliver(
    times: Iterable[int], mono: Callable[[int], float], delay: Callable[[int], int], hello_ms: int = 0
) -> Arrivals:
    """Deliver events in order: none arrives before the one before it. A hello that took `hello_ms` sets rule time."""
    arrivals: list[tuple[int, int]] = []
    for sent_ms in times:
        arrived_ms = max(sent_ms + delay(sent_ms), arrivals[-1][0] if arrivals else 0)
        arrivals.append((arrived_ms, round(mono(sent_ms)) + hello_ms))
    return arrivals


def stalled(stalls: Sequence[tuple[int, int]], jitter_ms: int, random: Random) -> Callable[[int], int]:
    """Return the delay of an event sent at some time, with a network that passes nothing on now and then."""

    def delay(sent_ms: int) -> int:
        waited = max((until - sent_ms for since, until in stalls if since <= sent_ms < until), default=0)
        return waited + random.randint(20, 20 + jitter_ms)

    return delay


seeds = st.integers(0, 2**32)
stalls = st.lists(st.tuples(st.integers(0, 600_000), st.integers(0, 10_000)), max_size=8).map(
    lambda found: [(since, since + long) for since, long in found]
)


@given(seeds, stalls, st.integers(0, 2_000), st.integers(0, 10_000), st.floats(0.97, 1.03))
def test_jitter_stalls_bursts_a_slow_hello_and_a_drift_raise_nothing(
    seed: int, stalls: list[tuple[int, int]], jitter_ms: int, hello_ms: int, rate: float
) -> None:
    random = Random(seed)
    # A clock of 3 % drift is ahead by more than any hello takes after a while: real ones drift by 0.01 %.
    length, slow_ms = (600_000, hello_ms) if rate <= 1 else (90_000, 0)
    arrivals = deliver(send_until(length, random), lambda ms: ms * rate, stalled(stalls, jitter_ms, random), slow_ms)
    assert follow(arrivals) == []


@given(seeds, st.lists(st.tuples(st.integers(0, 500_000), st.integers(16_000, 600_000)), max_size=3))
def test_outages_with_a_queue_that_is_delivered_later_raise_nothing(seed: int, outages: list[tuple[int, int]]) -> None:
    random = Random(seed)
    away = [(since, since + long) for since, long in outages]
    assert follow(deliver(send_until(600_000, random), float, stalled(away, 200, random))) == []


@given(seeds, st.integers(15_001, 3_600_000), st.integers(60_000, 600_000))
def test_a_sleep_that_stops_the_clock_raises_nothing(seed: int, slept_ms: int, at_ms: int) -> None:
    assert follow(asleep(Random(seed), [(at_ms, slept_ms)])) == []


@given(seeds, st.integers(0, 15_000), st.integers(60_000, 600_000))
def test_one_short_sleep_raises_nothing(seed: int, slept_ms: int, at_ms: int) -> None:
    assert follow(asleep(Random(seed), [(at_ms, slept_ms)])) == []


def asleep(random: Random, sleeps: Sequence[tuple[int, int]]) -> Arrivals:
    """Events of a computer that sleeps: it records none, and its clock is stopped."""
    arrivals = []
    for sent_ms in send_until(900_000, random):
        slept = sum(long for since, long in sleeps if since <= sent_ms)
        arrivals.append((sent_ms + slept + random.randint(20, 300), sent_ms))
    return [(max(at for at, _ in arrivals[: n + 1]), time_ms) for n, (_, time_ms) in enumerate(arrivals)]


def test_short_sleeps_again_and_again_are_a_slow_clock() -> None:
    sleeps = [(60_000 * n, 12_000) for n in range(1, 8)]
    assert [fault for _, fault in follow(asleep(Random(1), sleeps))] == [ClockFault.SLOW]


@pytest.mark.parametrize(("flow_ms", "rate"), [(38_000, 0.0), (20_000, 0.0), (38_000, 0.5)])
def test_gaps_hide_no_stopped_or_slow_clock(flow_ms: int, rate: float) -> None:
    random = Random(7)
    cycle_ms = flow_ms + FLOW_MS + 600
    times = [ms for ms in send_until(600_000, random, 2_000) if ms % cycle_ms < flow_ms]
    found = follow(deliver(times, wrong_from(0, rate), stalled([], 300, random)))
    assert {fault for _, fault in found} == {ClockFault.SLOW}
    assert found[0][0] <= 4 * cycle_ms
    assert found[-1][0] >= 400_000


@given(seeds, st.lists(st.tuples(st.integers(0, 900_000), st.integers(15_000, 900_000)), max_size=10))
def test_long_sleeps_raise_nothing_however_many(seed: int, sleeps: list[tuple[int, int]]) -> None:
    assert follow(asleep(Random(seed), sleeps)) == []


def wrong_from(since_ms: int, rate: float) -> Callable[[int], float]:
    """Return a clock that runs at this rate from some moment on."""
    return lambda ms: min(ms, since_ms) + max(ms - since_ms, 0) * rate


@pytest.mark.parametrize(("every_ms", "within_ms"), [(1_000, 60_000), (5_000, 60_000), (14_000, 90_000)])
@given(seeds, st.integers(0, 200_000), st.sampled_from([0.0, 0.4, 0.5]))
def test_a_stopped_or_slow_clock_is_found_within_a_minute(
    every_ms: int, within_ms: int, seed: int, since_ms: int, rate: float
) -> None:
    random = Random(seed)
    times = send_until(since_ms + 120_000, random, every_ms)
    found = follow(deliver(times, wrong_from(since_ms, rate), stalled([], 300, random)))
    assert [fault for _, fault in found] == [ClockFault.SLOW]
    assert found[0][0] - since_ms <= within_ms


@given(seeds, st.integers(0, 200_000))
def test_a_fast_clock_is_found_within_a_minute(seed: int, since_ms: int) -> None:
    random = Random(seed)
    times = send_until(since_ms + 120_000, random)
    found = follow(deliver(times, wrong_from(since_ms, 1.2), stalled([], 300, random)))
    assert [fault for _, fault in found] == [ClockFault.FAST]
    assert found[0][0] - since_ms <= FOUND_WITHIN_MS


@given(seeds, st.integers(0, 200_000), st.integers(20_000, 10**9))
def test_an_event_from_the_future_is_found_at_once(seed: int, since_ms: int, ahead_ms: int) -> None:
    random = Random(seed)
    times = send_until(since_ms + 60_000, random)
    found = follow(deliver(times, lambda ms: ms + (ahead_ms if ms >= since_ms else 0), stalled([], 300, random)))
    assert [fault for _, fault in found] == [ClockFault.EARLY]
    assert found[0][0] == next(at for at, time_ms in deliver(times, float, lambda _: 20) if at - 20 >= since_ms) or (
        found[0][0] - since_ms <= 6_000
    )


def test_a_clock_that_was_stopped_for_a_while_is_right_again_afterwards() -> None:
    random = Random(2)

    def mono(ms: int) -> float:
        return ms - min(max(ms - 60_000, 0), 60_000)

    arrivals = deliver(send_until(600_000, random), mono, stalled([], 100, random))
    clock = begin_clock(START_MS, 0)
    wrong = []
    for server_ms, time_ms in arrivals:
        follow_clock(clock, START_MS + server_ms, server_ms - time_ms)
        if clock.fault is not None:
            wrong.append(server_ms)
    assert 60_000 < min(wrong) <= 120_000
    assert 120_000 < max(wrong) <= 170_000


def test_a_second_stop_is_a_second_fault() -> None:
    random = Random(3)

    def mono(ms: int) -> float:
        return ms - min(max(ms - 60_000, 0), 60_000) - min(max(ms - 300_000, 0), 60_000)

    found = follow(deliver(send_until(600_000, random), mono, stalled([], 100, random)))
    assert [fault for _, fault in found] == [ClockFault.SLOW] * 2


@given(seeds, st.sampled_from([0.0, 0.5, 1.0, 1.2]), st.integers(1, 30))
def test_a_clock_that_is_saved_and_loaded_goes_on_as_before(seed: int, rate: float, every: int) -> None:
    random = Random(seed)
    arrivals = deliver(send_until(200_000, random), wrong_from(60_000, rate), stalled([], 300, random))
    one = other = begin_clock(START_MS, 0)
    for number, (server_ms, time_ms) in enumerate(arrivals):
        if number % every == 0:
            other = msgspec.json.decode(msgspec.json.encode(other), type=StreamClock)
            one = one if one is not other else msgspec.structs.replace(one)
        if one is other:
            one = msgspec.structs.replace(one)
        lag = server_ms - time_ms
        assert follow_clock(one, START_MS + server_ms, lag) == follow_clock(other, START_MS + server_ms, lag)
        assert one == other


@pytest.mark.parametrize("hello_ms", [0, HELLO_MS // 2, HELLO_MS])
def test_a_hello_that_was_processed_late_makes_no_event_early(hello_ms: int) -> None:
    arrivals = deliver(send_until(300_000, Random(4)), float, stalled([], 200, Random(5)), hello_ms)
    assert follow(arrivals) == []


def test_the_limits_fit_together() -> None:
    assert SLEEP_EVERY_MS > FLOW_MS
    times = [server_ms for server_ms, _ in deliver(send_until(60_000, Random(6)), float, lambda _: 20)]
    assert all(later - earlier <= FLOW_MS for earlier, later in pairwise(times))
