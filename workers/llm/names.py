"""Removes names, e-mail addresses and numbers of persons from texts for a model, and checks texts of models.

Pure. What is left is pseudonymized, not anonymous: a person who is described in other words is not found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

HIDDEN: Final = "[name]"
WORD_CHARS: Final = 3
"""Shorter parts of a name are only hidden as they are written: `Li`, but not `li`."""

# Bounded, so that the time to search a long text grows with its length only.
_EMAIL: Final = r"[^\s@<>«»\"]{1,64}@[^\s@<>«»\",;]{1,255}\.[^\W_][\w-]{0,63}"
_PHONE: Final = r"(?<![\w.,])(?:\+|00)\d(?:[\s()/.-]{0,2}\d){7,14}(?!\w)"
_NUMBERED: Final = (
    r"(?:matri[ck]\w{0,20}|enrol\w{0,20}|student(?:en)?[\s-]{0,2}(?:id|no|nr|number|nummer)\w{0,10})"
    r"[^\w\n]{1,6}(?:\w{1,20}[^\w\n]{1,3}){0,2}?\d[\d\s/-]{2,20}\d"
)
_GAP: Final = r"[\s._-]*"
_BEFORE: Final = r"(?<![^\W_])"
_AFTER: Final = r"(?![^\W_])"
"""A name is not part of a longer word, but `_Ada_` has it."""


class NameHider:
    """Replaces the names of one student, and what looks like an address or a number of a person."""

    def __init__(self, names: Iterable[str]) -> None:
        known = [_plain(name) for name in names]
        words = {form for name in known for form in _forms(name)}
        short = {word for name in known for word in _words(name) if len(word) == WORD_CHARS - 1 and word[0].isupper()}
        # The longest first, so that a whole name is matched before its parts.
        longest = sorted(words, key=lambda word: (-len(word), word))
        listed = [f"{_BEFORE}{_spaced(word)}{_AFTER}" for word in longest]
        self._any_case = re.compile("|".join((_EMAIL, _PHONE, _NUMBERED, *listed)), re.IGNORECASE)
        exact = [f"{_BEFORE}{re.escape(word)}{_AFTER}" for word in sorted(short)]
        self._as_written = re.compile("|".join(exact)) if exact else None

    def hide(self, text: str) -> str:
        """Return the text in composed form, without invisible characters and without what is to be hidden."""
        text = self._any_case.sub(HIDDEN, _plain(text))
        return text if self._as_written is None else self._as_written.sub(HIDDEN, text)


def is_line(text: str) -> bool:
    r"""Return whether a text has only visible characters and spaces: nothing that controls, turns or hides.

    >>> [is_line(text) for text in ("tiny-1", "two\nlines", "turned \u202e", "nul \0")]
    [True, False, False, False]
    """
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for char in text)


def _plain(text: str) -> str:
    """Compose letters and their accents, and remove characters that are not drawn."""
    return "".join(map(_drawn, unicodedata.normalize("NFC", text)))


def _drawn(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cc":
        return char if char in "\n\t" else " "
    return "" if category in ("Cf", "Cs") else char


def _forms(name: str) -> Iterator[str]:
    """Yield a name and its words, as written, without accents, and folded."""
    for word in (name, *_words(name)):
        for form in (word, _without_accents(word), word.casefold()):
            if len(form) >= WORD_CHARS:
                yield form


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\s,;@._+-]+", name) if word]


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _spaced(word: str) -> str:
    """Match a name with any spaces, dots or hyphens between its words, and a number with them between its digits."""
    parts = list(word) if word.isdigit() else _words(word)
    return _GAP.join(re.escape(part) for part in parts) if parts else re.escape(word)
