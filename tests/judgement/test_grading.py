import doctest
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement import grading
from judgement.grading import add_up, grade_item
from protocol.attempts import ItemKind, sum_points

CHOICE, MULTIPLE, NUMBER, TEXT = ItemKind

POINTS = st.floats(0, 1_000)
WORDS = st.text(min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
KEYS = JSON | st.fixed_dictionaries({"value": st.floats(-1e6, 1e6), "tolerance": st.floats(0, 10)})


@given(st.sampled_from(ItemKind), KEYS, POINTS, JSON)
def test_any_answer_gets_all_points_none_or_is_left_to_a_grader(
    kind: ItemKind, key: Any, points: float, value: Any
) -> None:
    assert grade_item(kind, key, points, value) in (0.0, float(points), None)


@given(st.sampled_from(ItemKind), KEYS, POINTS, st.sampled_from([None, "", "  \n"]))
def test_no_answer_is_worth_nothing_and_needs_no_grader(kind: ItemKind, key: Any, points: float, value: Any) -> None:
    assert grade_item(kind, key, points, value) == 0.0


@given(POINTS, KEYS, WORDS.filter(str.strip))
def test_a_text_is_left_to_a_grader(points: float, key: Any, text: str) -> None:
    assert grade_item(TEXT, key, points, text) is None


@given(st.sampled_from([CHOICE, MULTIPLE, NUMBER]), POINTS, st.integers())
def test_an_item_without_a_key_is_left_to_a_grader(kind: ItemKind, points: float, value: int) -> None:
    assert grade_item(kind, None, points, value) is None


@given(st.sets(WORDS, min_size=1, max_size=5), POINTS, st.data())
def test_exactly_the_right_choices_in_any_order_are_right(right: set[str], points: float, data: st.DataObject) -> None:
    key = sorted(right)
    assert grade_item(MULTIPLE, key, points, data.draw(st.permutations(key))) == points
    missing = data.draw(st.sampled_from(key))
    assert grade_item(MULTIPLE, key, 1, [choice for choice in key if choice != missing]) == 0
    assert grade_item(MULTIPLE, key, 1, [*key, "another choice"]) == 0


@given(WORDS.filter(str.strip), WORDS.filter(str.strip))
def test_one_choice_is_right_and_no_other(key: str, chosen: str) -> None:
    assert grade_item(CHOICE, key, 2, chosen) == (2 if chosen == key else 0)


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**4), st.integers(-(10**4), 10**4))
def test_a_number_is_right_within_its_tolerance_borders_included(value: int, tolerance: int, off: int) -> None:
    key = {"value": value / 100, "tolerance": tolerance / 100}
    assert grade_item(NUMBER, key, 1, (value + off) / 100) == (1 if abs(off) <= tolerance else 0)


@given(st.decimals(-1000, 1000, places=2))
def test_a_typed_number_may_have_a_decimal_comma_or_point(number: Any) -> None:
    key = {"value": float(number)}
    typed = str(number)
    for text in (typed, typed.replace(".", ","), f" {typed} ", typed.replace("-", "\N{MINUS SIGN}")):
        assert grade_item(NUMBER, key, 1, text) == 1


TWO_MEANINGS = [(13.5, 0, None), (13_500, 0, None), (7, 0, 0), (7_000, 7_000, 1)]


@pytest.mark.parametrize(("right", "tolerance", "points"), TWO_MEANINGS)
def test_a_typed_number_of_two_meanings_is_left_to_a_grader_unless_both_count_the_same(
    right: float, tolerance: float, points: float | None
) -> None:
    assert grade_item(NUMBER, {"value": right, "tolerance": tolerance}, 1, "13,500") == points


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "9" * 65, "1,000.5.2", True, [9.81], {"value": 9.81}])
def test_an_answer_that_is_not_a_number_is_wrong(value: Any) -> None:
    assert grade_item(NUMBER, {"value": 1, "tolerance": 10}, 1, value) == 0


@given(st.lists(st.tuples(POINTS, st.floats(0, 1)), min_size=1, max_size=20), st.floats(0, 1), st.randoms())
def test_marks_are_within_bounds_and_do_not_depend_on_the_order(
    items: list[tuple[float, float]], share: float, random: Any
) -> None:
    given_ = [points * part for points, part in items]
    most = sum_points(points for points, _ in items)
    marks = add_up(given_, most, share * most)
    assert marks.score is not None
    assert 0 <= marks.score <= most * (1 + 1e-12)
    assert marks.passed == (marks.score >= share * most)
    if most > 0:
        assert marks.percentage is not None
        assert 0 <= marks.percentage <= 100.01
    random.shuffle(given_)
    assert add_up(given_, most, share * most) == marks


@given(st.sampled_from([10, 100]), st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=40))
def test_marks_that_are_reached_exactly_pass_in_papers_of_tenths_and_hundredths(
    parts: int, items: list[tuple[int, bool]]
) -> None:
    earned = sum(points for points, is_right in items if is_right)
    most = sum(points for points, _ in items)
    given_ = [points / parts if is_right else 0.0 for points, is_right in items]
    marks = add_up(given_, most / parts, earned / parts)
    assert (marks.score, marks.passed) == (earned / parts, True)
    assert add_up(given_, most / parts, (earned + 1) / parts).passed is False
    assert marks.percentage == (None if most == 0 else float(_round_up(Fraction(100 * earned, most))))


def _round_up(share: Fraction) -> Fraction:
    """Round to two decimals, a half up."""
    return Fraction(floor(share * 100 + Fraction(1, 2)), 100)


@given(st.lists(POINTS, max_size=5), st.integers(0, 5))
def test_marks_are_unknown_while_an_item_waits_for_a_grader(given_: list[float], at: int) -> None:
    marks = add_up([*given_[:at], None, *given_[at:]], 10, 5)
    assert (marks.score, marks.percentage, marks.passed, marks.max_score) == (None, None, None, 10)


def test_the_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(grading)
    assert results.attempted > 0
    assert results.failed == 0
