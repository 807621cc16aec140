"""Names and other texts of one line: their stored form, and what they must not contain. Pure.

Usernames, names of people and titles from REST, files and the terminal all pass through here. A text must never be
changed beyond its stored form: what cannot be shown safely is refused.
"""

import re
import unicodedata
from typing import Final

USERNAME_CHARS: Final = 64
LINE_CHARS: Final = 200

_USERNAME_SIGNS: Final = frozenset("._@+-'\\!#$&~")
_TYPOGRAPHIC_APOSTROPHE: Final = "\u2019"
_INVISIBLE_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols that are drawn as nothing: the fillers of Hangul, and the empty braille cell."""

_EDGES: Final = "\u200b\u2060\ufeff"
"""Invisible characters that files and pages leave at the ends of a text."""

_EMBEDDINGS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e")
_ISOLATES: Final = frozenset("\u2066\u2067\u2068")
_POP_ISOLATE: Final = "\u2069"
_DIRECTION: Final = re.compile("[\u2066-\u2069]")
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e]")
"""Control characters, line and paragraph separators, lone surrogates, and embeddings. One search, because a roster has
thousands of texts."""


class InvalidText(ValueError):
    """A text that cannot be stored. The message says what is wrong, for the user."""


def canonical_username(text: str) -> str:
    """Return the stored form of a username, with which it is searched: NFC, without differences of case.

    A typographic apostrophe counts as the plain one. ASCII usernames are only put in lower case. Checks nothing.

    >>> canonical_username("Müller") == canonical_username("mu\u0308LLER")
    True
    """
    plain = text.replace(_TYPOGRAPHIC_APOSTROPHE, "'")
    # The canonical caseless form of Unicode (D145); the second fold completes characters that the first one composed.
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", plain).casefold())
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded.casefold()))


def read_username(text: str) -> str:
    """Check a username and return its stored form. Raises InvalidText."""
    username = canonical_username(text)
    if not username:
        raise InvalidText("required")
    if len(username) > USERNAME_CHARS:
        raise InvalidText(f"must have at most {USERNAME_CHARS} characters")
    wrong = [char for char in username if not _is_word(char) and char not in _USERNAME_SIGNS | {"_"}]
    if wrong:
        raise InvalidText(f"cannot contain {_show(wrong[0])}: use letters, digits and ' . _ @ + - \\")
    if username[0] != "_" and not unicodedata.category(username[0]).startswith(("L", "N")):
        raise InvalidText("must begin with a letter, a digit or _")
    return username


def read_line(text: str, *, chars: int = LINE_CHARS) -> str:
    """Check a text of one line and return its stored form: NFC, without blank ends. Raises InvalidText."""
    is_far_too_long = len(text) > 8 * chars
    line = text if is_far_too_long else _trim(unicodedata.normalize("NFC", text))
    if len(line) > chars:
        raise InvalidText(f"must have at most {chars} characters")
    forbidden = _FORBIDDEN.search(line)
    if forbidden is not None:
        char = forbidden[0]
        if char in _EMBEDDINGS:
            raise InvalidText(f"cannot contain {_show(char)}, which turns the text around it")
        raise InvalidText(f"cannot contain {_show(char)}: write it in one line")
    if _DIRECTION.search(line) is not None and not _is_balanced(line):
        raise InvalidText("cannot change the direction of the text after it (U+2066 to U+2069)")
    return line


def read_name(text: str, *, chars: int = LINE_CHARS) -> str:
    """Check a name or a title as `read_line` does; it must have a character that can be seen. Raises InvalidText."""
    name = read_line(text, chars=chars)
    if not name:
        raise InvalidText("required")
    if not any(is_visible(char) for char in name):
        raise InvalidText("must have a character that can be seen")
    return name


def is_visible(char: str) -> bool:
    """Return whether a character is drawn by itself: a letter, digit, sign or symbol."""
    return unicodedata.category(char)[0] in "LNPS" and char not in _INVISIBLE_LETTERS


def _trim(text: str) -> str:
    first, last = 0, len(text)
    while first < last and _is_edge(text[first]):
        first += 1
    while last > first and _is_edge(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_edge(char: str) -> bool:
    return char.isspace() or char in _EDGES


def _is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN" and char not in _INVISIBLE_LETTERS


def _is_balanced(line: str) -> bool:
    depth = 0
    for char in line:
        if char in _ISOLATES:
            depth += 1
        elif char == _POP_ISOLATE:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def _show(char: str) -> str:
    """Return a character as a message can show it: itself in quotes, or its code point."""
    if char == " ":
        return "a space"
    return f"“{char}”" if is_visible(char) else f"the character U+{ord(char):04X}"
