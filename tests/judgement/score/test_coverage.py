import doctest
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import coverage
from judgement.score.coverage import is_enough, measure_coverage
from protocol.analysis import Observed

MINUTE = 60_000
START, END, NOW = 1_000_000, 2_000_000, 2_500_000

moments = st.integers(START - 300_000, NOW)
spans = st.tuples(moments, st.none() | moments).map(
    lambda span: span if span[1] is None or span[0] <= span[1] else (span[1], span[0])
)
connected = st.lists(spans, max_size=8).map(tuple)
ends = st.none() | st.just(END)


def seen(*spans: tuple[int, int | None], ended: int | None = END, now: int = NOW, started: int = START) -> float | None:
    return measure_coverage(Observed(started, ended, now, tuple(spans)))


def by_the_second(observed: Observed, start: int, end: int) -> int:
    """The definition, counted: how many of these moments lie in some connection."""
    return sum(
        any(opened <= moment < (observed.now_ms if closed is None else closed) for opened, closed in observed.connected)
        for moment in range(start, end)
    )


def test_the_examples_in_the_docstring_hold() -> None:
    assert doctest.testmod(coverage) == doctest.TestResults(0, 5)


def test_the_examples_in_the_docs_hold() -> None:
    seen = ((10_000, 20 * MINUTE), (25 * MINUTE, 30 * MINUTE), (50 * MINUTE, 60 * MINUTE - 4_000))
    lost = ((27 * MINUTE, 29 * MINUTE),)
    running = Observed(0, None, 30 * MINUTE, seen=seen[:2], unobserved=lost)
    assert measure_coverage(running) == pytest.approx(0.767, abs=0.0005)
    gone = Observed(0, None, 46 * MINUTE, seen=seen[:2], unobserved=lost)
    assert measure_coverage(gone) == pytest.approx(0.5)
    ended = Observed(0, 60 * MINUTE, 75 * MINUTE, seen=seen, unobserved=lost)
    assert measure_coverage(ended) == pytest.approx(0.55)


def test_a_student_who_is_gone_for_most_of_the_time_has_low_coverage_now() -> None:
    assert measure_coverage(Observed(0, None, 35 * MINUTE, seen=((0, MINUTE),))) == pytest.approx(1 / 35)


def test_without_any_event_coverage_is_unknown_for_a_minute_and_then_zero() -> None:
    assert measure_coverage(Observed(0, None, MINUTE - 1, connected=((0, None),), seen=())) is None
    assert measure_coverage(Observed(0, None, MINUTE, connected=((0, None),), seen=())) == 0.0
    assert measure_coverage(Observed(0, MINUTE, MINUTE, connected=((0, None),), seen=())) == 0.0


def test_a_silent_time_of_fifteen_seconds_at_either_end_is_observed_and_a_longer_one_is_not() -> None:
    assert measure_coverage(Observed(0, 100_000, 100_000, seen=((15_000, 85_000),))) == 1.0
    assert measure_coverage(Observed(0, 100_000, 100_000, seen=((15_001, 84_999),))) == pytest.approx(0.69998)


def test_events_after_the_end_do_not_count() -> None:
    assert measure_coverage(Observed(0, 100_000, 300_000, seen=((0, 50_000), (120_000, 200_000)))) == 0.5


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), max_size=6),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), max_size=6),
)
def test_observed_time_is_what_was_seen_and_not_left_out(
    seen: list[tuple[int, int]], left_out: list[tuple[int, int]]
) -> None:
    spans = [[(begun * 1000, (begun + long) * 1000) for begun, long in given] for given in (seen, left_out)]
    # Far from both ends, which spans may reach.
    observed = Observed(-60_000, 360_000, 500_000, seen=tuple(spans[0]), unobserved=tuple(spans[1]))
    counted = sum(
        any(begun <= moment * 1000 < last for begun, last in spans[0])
        and not any(begun <= moment * 1000 < last for begun, last in spans[1])
        for moment in range(-60, 360)
    )
    assert measure_coverage(observed) == pytest.approx(counted / 420)


@given(st.integers(1_000, 600_000), st.integers(0, 600_000))
def test_coverage_of_a_silent_client_only_falls(last_ms: int, later_ms: int) -> None:
    seen = ((0, last_ms),)
    before = measure_coverage(Observed(0, None, last_ms + 15_000, seen=seen))
    after = measure_coverage(Observed(0, None, last_ms + 15_001 + later_ms, seen=seen))
    assert before is not None
    assert after is not None
    assert after < before


@given(st.integers(0, 40), st.integers(1, 40), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6))
def test_the_union_is_what_is_counted_moment_by_moment(start: int, length: int, spans: list[tuple[int, int]]) -> None:
    observed = Observed(start, start + length, 100, tuple((min(span), max(span)) for span in spans))
    found = measure_coverage(observed)
    assert found is not None
    assert found * length == pytest.approx(by_the_second(observed, start, start + length))


@given(connected, ends)
def test_coverage_is_a_share(spans: tuple[tuple[int, int | None], ...], ended: int | None) -> None:
    found = seen(*spans, ended=ended)
    assert found is None or 0 <= found <= 1


@given(connected, ends, st.randoms())
def test_the_order_of_connections_does_not_matter(
    spans: tuple[tuple[int, int | None], ...], ended: int | None, random: Random
) -> None:
    mixed = list(spans)
    random.shuffle(mixed)
    assert seen(*mixed, ended=ended) == seen(*spans, ended=ended)


@given(connected, spans)
def test_another_connection_never_lowers_coverage_after_the_end(
    spans: tuple[tuple[int, int | None], ...], more: tuple[int, int | None]
) -> None:
    without, with_it = seen(*spans), seen(*spans, more)
    assert without is not None
    assert with_it is not None
    assert with_it >= without


@given(connected, st.integers(START, END))
def test_a_new_connection_without_a_gap_keeps_coverage(spans: tuple[tuple[int, int | None], ...], at: int) -> None:
    whole, parted = ((START, None),), ((START, at), (at, None))
    assert seen(*spans, *whole) == seen(*spans, *parted) == 1.0


def test_connections_before_the_start_or_after_the_end_do_not_count() -> None:
    assert seen((START - 500_000, START + 500_000), (END, None)) == 0.5


def test_without_a_connection_coverage_is_unknown_and_zero_after_the_end() -> None:
    assert seen(ended=None) is None
    assert seen() == 0.0


def test_an_attempt_of_length_zero_has_no_coverage() -> None:
    assert seen((START, None), ended=START) is None


def test_the_time_before_the_first_connection_counts_only_at_the_end() -> None:
    late = (START + 600_000, None)
    assert seen(late, ended=None, now=END) == 1.0
    assert seen(late) == 0.4


@given(st.integers(0, 29_000), st.integers(0, 90_000))
def test_a_short_absence_at_the_beginning_never_hides_a_score(away_ms: int, later_ms: int) -> None:
    gone = START + 500
    back = gone + away_ms
    now = gone + later_ms
    spans: list[tuple[int, int | None]] = [(START, gone)]
    if now >= back:
        spans.append((back, None))
    assert is_enough(seen(*spans, ended=None, now=now)) or later_ms > away_ms


def test_a_coverage_of_half_is_enough() -> None:
    assert [is_enough(value) for value in (None, 0.0, 0.499, 0.5, 1.0)] == [False, False, False, True, True]
