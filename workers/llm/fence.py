"""The fence between what Veritas writes for a model and what students, clients and other people wrote.

Pure. Outside are only words of this repository and numbers. Everything else is inside: each text is one line of JSON
between two marks, so it cannot end its line, and it cannot contain a mark. Which keys of a payload are shown at all is
listed here for each type of event; all others are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from protocol.events import CLIENT_EVENTS, MARKER_EVENTS, SERVER_EVENTS

KNOWN_TYPES: Final = frozenset({*CLIENT_EVENTS, *SERVER_EVENTS, *MARKER_EVENTS})

OTHER: Final = "other"
"""Stands outside for a type that a client made up."""

_LARGEST: Final = 10_000_000
"""A larger number is left out: it is no count and no time of an exam, and may be a message."""

NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "paste": ("chars",),
    "screen_count": ("n",),
    "eye_movement": ("x", "y", "confidence", "on_screen"),
    "face_count": ("n", "confidence"),
    "voice_activity": ("speech",),
    "object_detected": ("confidence",),
    "answered": ("ms",),
    "typing": ("chars", "ms"),
    "client_error": ("size",),
    "heartbeat_missed": ("connected",),
    "heartbeat_resumed": ("silent_ms",),
    "cohort_outage": ("lost", "of"),
    "submitted": ("unobserved",),
}
"""Keys of payloads whose numbers and booleans are shown outside the fence, by type of event."""

WORDS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "paste": {"how": frozenset({"drop", "move", "replace", "yank", "transpose", "insert", "script"})},
    "signed_in": {"by": frozenset({"code", "password"})},
    "submitted": {"by": frozenset({"student", "server"})},
    "clock_mismatch": {"kind": frozenset({"slow", "fast", "early"})},
}
"""Keys of payloads that are shown outside the fence if their value is one of these words."""

TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "paste": ("item",),
    "copy": ("item",),
    "cut": ("item",),
    "typing": ("item",),
    "item_opened": ("item",),
    "draft_saved": ("item",),
    "answered": ("item", "value"),
    "answer_submitted": ("item", "value"),
    "key_combo": ("combo", "item"),
    "object_detected": ("label",),
    "client_error": ("message",),
    "ended": ("reason",),
    "stream_waived": ("reason",),
    "events_lost": ("reason",),
}
"""Keys of payloads that are shown inside the fence."""

OPENING: Final = "«untrusted {}»"


def type_outside(kind: str) -> str:
    """Return the type of an event as it may be written outside the fence."""
    return kind if kind in KNOWN_TYPES else OTHER


def outside(kind: str, data: Mapping[str, Any]) -> str:
    """Return what of a payload may be written outside the fence: numbers, booleans and known words of listed keys."""
    shown = [f"{key}={_number(data[key])}" for key in NUMBERS.get(kind, ()) if _is_number(data.get(key))]
    words = WORDS.get(kind, {})
    # `in` compares with our own words; lists and objects cannot be compared with them.
    shown += [f"{key}={data[key]}" for key in words if isinstance(data.get(key), str) and data[key] in words[key]]
    return " ".join(shown)


def inside(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an event must be written inside the fence: the type that a client made up, and listed texts."""
    made_up = {} if kind in KNOWN_TYPES else {"type": kind}
    return made_up | {key: data[key] for key in TEXTS.get(kind, ()) if data.get(key) is not None}


def fence(lines: Iterable[Mapping[str, Any]]) -> str:
    """Write objects as lines of JSON between two marks with a digest of these lines, which no line can contain."""
    written = [_neutral(msgspec.json.encode(line).decode()) for line in lines]
    mark = OPENING.format(sha256("\n".join(written).encode()).hexdigest()[:16])
    return "\n".join((mark, *written, mark))


def split(shown: str) -> tuple[str, Sequence[dict[str, Any]]]:
    """Return what is outside the fence, and the objects inside."""
    before, mark, rest = shown.partition("«untrusted ")
    if not mark:
        return shown, ()
    inner, _, after = rest.rpartition("«untrusted ")
    return before + after.partition("»")[2], [msgspec.json.decode(line) for line in inner.splitlines()[1:]]


def _neutral(line: str) -> str:
    """Replace the signs of the marks, and line ends that JSON leaves as they are."""
    for sign, harmless in (("«", "‹"), ("»", "›"), ("\u2028", " "), ("\u2029", " "), ("\x85", " ")):
        line = line.replace(sign, harmless)
    return line


def _is_number(value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= _LARGEST)


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value).lower()
