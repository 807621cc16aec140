"""Grade answers by the answer key, and add up the points of an attempt (docs/attempts.md).

Pure arithmetic. It never grades a text, and no integrity score or flag changes a grade. A grader may overrule it.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Any, Final

import msgspec

from judgement.numbers import read_number
from protocol.attempts import ItemKind, Marks, sum_points

_ROUNDED_MAX: Final = 10**9
"""Only a maximum of almost no points makes a larger percentage; two decimals do not matter there."""


class NumberAnswerKey(msgspec.Struct, frozen=True):
    """The answer key of a number item: an answer is right if it differs from `value` by at most `tolerance`."""

    value: float
    tolerance: float = 0.0


def grade_item(kind: ItemKind, key: Any, points: float, value: Any) -> float | None:
    """Return the points of an answer by the key: all or none. Return None if a grader has to decide.

    An item with several right choices is right if exactly these are chosen, in any order; this is `match_correct` of
    1EdTech QTI 2.2. Without an answer (`value` is None or an empty text) there are no points for any kind of item. A
    text is left to a grader, and so is an item whose key is missing or does not fit its kind.

    >>> grade_item(ItemKind.CHOICE, "Newton", 2, "Newton")
    2.0
    >>> grade_item(ItemKind.MULTIPLE, ["N", "kg·m/s²"], 3, ["kg·m/s²", "N"])
    3.0
    >>> grade_item(ItemKind.NUMBER, {"value": 9.81, "tolerance": 0.01}, 1, "9,8")
    1.0
    >>> grade_item(ItemKind.TEXT, None, 5, "Because of inertia.") is None
    True
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0.0
    is_right: bool | None = None
    match kind:
        case ItemKind.CHOICE if isinstance(key, str):
            is_right = value == key
        case ItemKind.MULTIPLE if isinstance(key, list):
            is_right = isinstance(value, list) and _as_set(value) == _as_set(key)
        case ItemKind.NUMBER:
            is_right = _is_near(key, value)
    if is_right is None:
        return None
    return float(points) if is_right else 0.0


def add_up(given: Sequence[float | None], max_score: float, passing_score: float) -> Marks:
    """Add up the points of the items, out of `max_score`. The marks are unknown while an item has no points yet.

    >>> add_up([2.0, 0.5], 4, 2.5)
    Marks(score=2.5, max_score=4, percentage=62.5, passed=True)
    >>> add_up([2.0, None], 4, 2.5)
    Marks(score=None, max_score=4, percentage=None, passed=None)
    >>> add_up([], 0, 0)
    Marks(score=None, max_score=0, percentage=None, passed=None)

    Points are added as the decimals that people typed, so marks that are reached exactly pass.

    >>> add_up([0.7, 0.1, 0.0], 1, 0.8)
    Marks(score=0.8, max_score=1, percentage=80.0, passed=True)
    """
    known = [points for points in given if points is not None]
    if not given or len(known) < len(given):
        return Marks(None, max_score, None, None)
    score = sum_points(known)
    percentage = _percentage(score, max_score) if max_score > 0 else None
    return Marks(score, max_score, percentage, score >= passing_score)


def _percentage(score: float, max_score: float) -> float:
    """Return a share in percent, with two decimals; half of the last decimal is rounded up."""
    exact = 100 * Decimal(repr(score)) / Decimal(repr(float(max_score)))
    if exact > _ROUNDED_MAX:
        return float(exact)
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _as_set(choices: list[Any]) -> set[str]:
    # Compared as text: a client may send any type in a list, for example another list.
    return {repr(choice) for choice in choices}


def _is_near(key: Any, value: Any) -> bool | None:
    try:
        expected = msgspec.convert(key, NumberAnswerKey)
    except msgspec.ValidationError:
        return None
    verdicts = {_is_within(expected, number) for number in _readings(value)}
    # A text such as 13,500 may mean two numbers. If only one of them is right, a grader decides.
    return verdicts.pop() if len(verdicts) == 1 else None if verdicts else False


def _is_within(expected: NumberAnswerKey, number: float) -> bool:
    # In decimals: 2.4 is within 0.1 of 2.3, which is not true for the binary fractions.
    apart = abs(Decimal(repr(number)) - Decimal(repr(expected.value)))
    return apart <= Decimal(repr(expected.tolerance))


def _readings(value: Any) -> list[float]:
    """Return the numbers that an answer may mean, sent as a number or typed as text; none if it is no number."""
    if isinstance(value, str):
        reading = read_number(value)
        return [] if reading is None else [one for one in (reading.value, reading.other) if one is not None]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    try:
        number = float(value)
    except OverflowError:
        return []
    return [number] if isfinite(number) else []
