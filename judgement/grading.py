"""Grading: what an answer is worth by its item's key, and what an attempt's items come to.

Pure arithmetic: a text is never graded here, no integrity or other judgement lowers a grade, and nobody fails by it
alone: a person may give other points.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import fsum, isfinite
from typing import Any, Final

import msgspec

from protocol.attempts import ItemKind, Marks

NUMBER_CHARS: Final = 64
"""A longer text is no number anybody meant."""


class NumberKey(msgspec.Struct, frozen=True):
    """The key of an item that is answered by a number: right is what is no further than `tolerance` from `value`."""

    value: float
    tolerance: float = 0.0


def grade_item(kind: ItemKind, key: Any, points: float, value: Any) -> float | None:
    """Give an answer its points by the key, all or none of them; None where a person has to look.

    An item with several right choices is right when exactly these are chosen, in any order: QTI's `match_correct`
    (1EdTech QTI 2.2, Response Processing), which everybody can check; a person may give a part of the points.
    `value` None: there is no answer, and nothing to look at, so no points whatever the kind. An empty text is none.
    A text, and an item whose key is missing or does not fit its kind, is left to a person.

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


def sum_up(given: Sequence[float | None], max_score: float, passing_score: float) -> Marks:
    """Add up what the items were given, of `max_score` points; nothing is known while one has no points yet.

    >>> sum_up([2.0, 0.5], 4, 2.5)
    Marks(score=2.5, max_score=4, percentage=62.5, passed=True)
    >>> sum_up([2.0, None], 4, 2.5)
    Marks(score=None, max_score=4, percentage=None, passed=None)
    >>> sum_up([], 0, 0)
    Marks(score=None, max_score=0, percentage=None, passed=None)
    """
    known = [points for points in given if points is not None]
    if not given or len(known) < len(given):
        return Marks(None, max_score, None, None)
    score = fsum(known)
    percentage = round(100 * score / max_score, 2) if max_score > 0 else None
    return Marks(score, max_score, percentage, score >= passing_score)


def _as_set(choices: list[Any]) -> set[str]:
    # As text: what a client sends in a list may be anything, lists too.
    return {repr(choice) for choice in choices}


def _is_near(key: Any, value: Any) -> bool | None:
    try:
        wanted = msgspec.convert(key, NumberKey)
    except msgspec.ValidationError:
        return None
    number = _read_number(value)
    if number is None:
        return False
    # In decimals, as people write them: 2.4 lies within 0.1 of 2.3, whatever binary fractions make of it.
    apart = abs(Decimal(repr(number)) - Decimal(repr(wanted.value)))
    return apart <= Decimal(repr(wanted.tolerance))


def _read_number(value: Any) -> float | None:
    """Read a number as it was sent or typed, with a decimal comma or point."""
    if isinstance(value, str) and len(value) <= NUMBER_CHARS:
        text = value.strip().replace("\N{MINUS SIGN}", "-")
        value = text.replace(",", ".") if "." not in text else text
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
