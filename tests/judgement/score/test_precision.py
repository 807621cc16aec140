import doctest
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from judgement.score import precision
from judgement.score.precision import Z95, compute_precision

counts = st.integers(0, 100_000)


def test_the_interval_is_wilsons() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I, method 3.
    for confirmed, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        found = compute_precision(confirmed, of - confirmed)
        assert isclose(found.low, low, abs_tol=5e-5)
        assert isclose(found.high, high, abs_tol=5e-5)


def test_the_example_in_the_docstring_holds() -> None:
    results = doctest.testmod(precision, optionflags=doctest.ELLIPSIS)
    assert (results.attempted, results.failed) == (1, 0)


def test_nothing_is_known_before_the_first_decision() -> None:
    found = compute_precision(0, 0)
    assert (found.precision, found.low, found.high) == (None, 0.0, 1.0)


@given(counts, counts)
def test_the_share_lies_within_its_interval_and_that_within_0_and_1(confirmed: int, dismissed: int) -> None:
    found = compute_precision(confirmed, dismissed)
    assert 0 <= found.low <= found.high <= 1
    assert found.precision is None or found.low <= found.precision <= found.high


@given(counts, counts)
def test_confirmed_and_dismissed_mirror_each_other(confirmed: int, dismissed: int) -> None:
    found, mirrored = compute_precision(confirmed, dismissed), compute_precision(dismissed, confirmed)
    assert isclose(found.low, 1 - mirrored.high, abs_tol=1e-9)
    assert isclose(found.high, 1 - mirrored.low, abs_tol=1e-9)


@given(counts, counts)
def test_each_bound_is_the_share_a_score_test_just_does_not_reject(confirmed: int, dismissed: int) -> None:
    found, decided = compute_precision(confirmed, dismissed), confirmed + dismissed
    for bound in (found.low, found.high):
        if found.precision is not None and 0 < bound < 1:
            assert isclose((found.precision - bound) ** 2 * decided, Z95**2 * bound * (1 - bound), rel_tol=1e-5)


@given(st.integers(0, 1_000), st.integers(0, 1_000), st.integers(2, 20))
def test_more_decisions_of_the_same_share_narrow_the_interval(confirmed: int, dismissed: int, times: int) -> None:
    found = compute_precision(confirmed, dismissed)
    more = compute_precision(confirmed * times, dismissed * times)
    assert more.high - more.low <= found.high - found.low


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_confirmation_never_lowers_a_bound(confirmed: int, dismissed: int) -> None:
    found, more = compute_precision(confirmed, dismissed), compute_precision(confirmed + 1, dismissed)
    assert more.low >= found.low - 1e-12
    assert more.high >= found.high - 1e-12
