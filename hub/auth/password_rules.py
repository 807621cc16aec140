"""Which passwords are accepted, and the one form in which a password is hashed. Pure.

The list of common passwords is the one of zxcvbn (30,000 entries). A password must never be part of an error.
"""

import unicodedata
from collections.abc import Collection
from functools import cache
from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

CHARS_MIN: Final = 8
CHARS_MAX: Final = 256
DISTINCT_MIN: Final = 4
CONTEXT: Final = ("veritas",)
"""Words of this product, which are as easy to guess as the username."""

_NAME_CHARS: Final = 3
"""A shorter username is part of too many good passwords."""


def normalize(password: str) -> str:
    """Return the composed form (NFC): the same password typed on macOS, Windows and Linux has the same one."""
    return unicodedata.normalize("NFC", password)


def find_fault(password: str, username: str) -> str | None:
    """Return what is wrong with a new password, in words for its user; None if it is accepted."""
    text = normalize(password)
    if not CHARS_MIN <= len(text) <= CHARS_MAX:
        return f"must have {CHARS_MIN} to {CHARS_MAX} characters"
    if len(set(text)) < DISTINCT_MIN:
        return f"must have at least {DISTINCT_MIN} different characters"
    folded = text.casefold()
    if folded in _common():
        return "is one of the most common passwords; choose another one, for example three or four unrelated words"
    if _contains(folded, [normalize(username).casefold()]):
        return "must not contain your username"
    if _contains(folded, CONTEXT):
        return "must not contain the name of this product"
    return None


def _contains(text: str, words: Collection[str]) -> bool:
    return any(len(word) >= _NAME_CHARS and word in text for word in words)


@cache
def _common() -> frozenset[str]:
    return frozenset(FREQUENCY_LISTS["passwords"])
