"""Read a number that a student has typed, in the digits and separators of any language (docs/attempts.md).

`web/exam/src/session/numbers.ts` reads the same way; `tests/golden/numbers.json` has the cases of both. Pure. It must
never guess silently: a separator that may mean two things gives both numbers.
"""

import re
import unicodedata
from math import isfinite
from typing import Final

import msgspec

NUMBER_CHARS: Final = 64
"""A longer text is not read as a number."""

_INVISIBLE: Final = re.compile("[\u200e\u200f\u061c]")
"""Marks of the writing direction. Keyboards insert them beside a sign."""

_SPACES: Final = "\u00a0\u2009\u202f"
_SIGNS: Final = {
    **dict.fromkeys("\u2212\ufe63\uff0d\u2013", "-"),
    "\uff0b": "+",
    "\uff0e": ".",
    "\uff0c": ",",
    "\u2019": "'",
    "\uff45": "e",
    "\uff25": "e",
    **dict.fromkeys(_SPACES, " "),
}
ARABIC_DECIMAL: Final = "\u066b"
ARABIC_GROUP: Final = "\u066c"

_SEPARATORS: Final = f"., '{ARABIC_DECIMAL}{ARABIC_GROUP}"
_NUMBER: Final = re.compile(rf"([+-]?) ?([0-9{_SEPARATORS}]*[0-9][.,{ARABIC_DECIMAL}]?)(e[+-]?[0-9]{{1,3}})?", re.I)
_GROUPS: Final = re.compile(r"[0-9]{1,3}(g[0-9]{3})+|[0-9]{1,2}(g[0-9]{2})+g[0-9]{3}")
_ANY: Final = re.compile(r"[0-9]+")


class Reading(msgspec.Struct, frozen=True):
    """What a text means: the number, and the other number that it may mean."""

    value: float
    other: float | None = None


def read_number(text: str) -> Reading | None:
    """Read a number; None if the text is not one.

    Several equal separators, or spaces and apostrophes, group digits in threes, or as in India. Of two different
    separators the last one is the decimal mark. One point or comma is a decimal mark, but before exactly three digits
    it may also group them.

    >>> read_number("1.234.567,8")
    Reading(value=1234567.8, other=None)
    >>> read_number("13,500")
    Reading(value=13.5, other=13500.0)
    >>> read_number("٣٫١٤")
    Reading(value=3.14, other=None)
    """
    if len(text) > NUMBER_CHARS:
        return None
    found = _NUMBER.fullmatch(_plain(text))
    if found is None:
        return None
    sign, digits, exponent = found[1], found[2], found[3] or ""
    whole, fraction = _split(digits)
    if whole is None:
        return None
    value = _to_float(f"{sign}{whole or 0}.{fraction or 0}{exponent}")
    if value is None:
        return None
    if not exponent and _may_group(digits):
        return Reading(value, _to_float(f"{sign}{whole}{fraction}"))
    return Reading(value)


def _plain(text: str) -> str:
    """Return the text with ASCII digits, signs and separators."""
    return "".join(_plain_char(char) for char in _INVISIBLE.sub("", text.strip()))


def _plain_char(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    return _SIGNS.get(char, char) if digit is None else str(digit)


def _split(digits: str) -> tuple[str | None, str]:
    """Return the digits before and after the decimal mark; None if they are not grouped as digits can be."""
    mark = _decimal_mark(digits)
    whole, _, fraction = digits.partition(mark) if mark else (digits, "", "")
    if fraction and not _ANY.fullmatch(fraction):
        return None, ""
    if whole and not _ANY.fullmatch(whole):
        used = set(whole) & set(_SEPARATORS)
        if len(used) > 1 or not _GROUPS.fullmatch(whole.replace(used.pop(), "g")):
            return None, ""
        whole = "".join(_ANY.findall(whole))
    return whole, fraction


def _decimal_mark(digits: str) -> str:
    """Return the decimal mark of these digits; empty if all separators group."""
    if ARABIC_DECIMAL in digits:
        return ARABIC_DECIMAL
    marks = [char for char in digits if char in ".,"]
    if not marks or (len(marks) > 1 and len(set(marks)) == 1):
        return ""
    return marks[-1]


def _may_group(digits: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", digits) is not None


def _to_float(text: str) -> float | None:
    value = float(text)
    return value if isfinite(value) else None
