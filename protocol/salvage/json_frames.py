"""Split a JSON frame into its envelope and the bytes of each event.

It never decodes an event, and deep nesting costs no recursion.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from protocol.salvage.split_frame import SplitFrame, Unreadable, too_many

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^ \t\n\r\[\]{},:"]++|"', re.DOTALL)
_CLOSER: Final = {b"[": b"]", b"{": b"}"}
_NO_VALUE: Final = frozenset((b"]", b"}", b",", b":", b'"'))


def split_json(raw: bytes, max_events: int) -> SplitFrame | None:
    """Split a JSON frame. Return None when it has no `events` list, or when its elements cannot be separated.

    Raises TooLarge at the first element after `max_events`; nothing after it is read.
    """
    tokens = _TOKEN.finditer(raw)
    split: SplitFrame | None = None
    try:
        _expect(tokens, b"{")
        while True:
            key = next(tokens)[0]
            _expect(tokens, b":")
            first = next(tokens)
            if first[0] == b"[" and _is_events(key):
                if split is not None:
                    return None
                spans, end = _elements(tokens, max_events)
                split = SplitFrame(raw[: first.start()] + b"[]" + raw[end:], [raw[start:stop] for start, stop in spans])
            else:
                _end_of(tokens, first)
            if next(tokens)[0] != b",":
                return split
    except (Unreadable, StopIteration):
        return None


def _expect(tokens: Iterator[re.Match[bytes]], expected: bytes) -> None:
    if next(tokens)[0] != expected:
        raise Unreadable


def _is_events(key: bytes) -> bool:
    if b"\\" not in key:
        return key == b'"events"'
    try:
        return msgspec.json.decode(key, type=str) == "events"
    except (msgspec.DecodeError, UnicodeError):
        return False


def _elements(tokens: Iterator[re.Match[bytes]], max_events: int) -> tuple[list[tuple[int, int]], int]:
    """Find where each element of a list begins and ends, after its opening bracket, and where the list ends."""
    spans: list[tuple[int, int]] = []
    first = next(tokens)
    if first[0] == b"]":
        return spans, first.end()
    while True:
        spans.append((first.start(), _end_of(tokens, first)))
        after = next(tokens)
        if after[0] == b"]":
            return spans, after.end()
        if after[0] != b",":
            raise Unreadable
        if len(spans) == max_events:
            raise too_many(max_events)
        first = next(tokens)


def _end_of(tokens: Iterator[re.Match[bytes]], first: re.Match[bytes]) -> int:
    """Find the end of the value that begins with this token."""
    token = first[0]
    if token in _NO_VALUE:
        raise Unreadable
    if token not in _CLOSER:
        return first.end()
    closers = [_CLOSER[token]]
    for match in tokens:
        token = match[0]
        if token in _CLOSER:
            closers.append(_CLOSER[token])
        elif token in (b"]", b"}"):
            if token != closers.pop():
                break
            if not closers:
                return match.end()
        elif token == b'"':
            break
    raise Unreadable
