import doctest
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import coverage
from judgement.score.coverage import is_enough, measure_coverage
from protocol.analysis import Observed

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
    assert doctest.testmod(coverage) == doctest.TestResults(0, 3)


def test_the_examples_in_the_docs_hold() -> None:
    minute = 60_000
    connected = ((5 * minute, 20 * minute), (25 * minute, None))
    assert measure_coverage(Observed(0, None, 30 * minute, connected)) == pytest.approx(0.8)
    assert measure_coverage(Observed(0, 60 * minute, 75 * minute, connected)) == pytest.approx(0.833, abs=0.0005)


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
