"""Cuts the events out of a frame that cannot be decoded as a whole, so that each can be tried alone (WIRE §2).

A lone surrogate or too deep a nesting makes a decoder fail on everything around it. This module only finds where
values begin and end; it never decodes one, and nesting costs it no recursion.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from protocol.errors import TooLarge

_JSON_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^ \t\n\r\[\]{},:"]++|"', re.DOTALL)
_CLOSER: Final = {b"[": b"]", b"{": b"}"}
_NO_VALUE: Final = frozenset((b"]", b"}", b",", b":", b'"'))

_KEYS: Final = frozenset((b"\xa6events", b"\xd9\x06events", b"\xda\0\x06events", b"\xdb\0\0\0\x06events"))
"""Every way MessagePack can spell the key."""


class Cut(msgspec.Struct, frozen=True):
    """An `events` frame taken apart: the same frame with an empty list, and the bytes of each event."""

    envelope: bytes
    events: list[bytes]


class _Unreadable(Exception):
    """Where one value ends cannot be told."""


def cut_json(raw: bytes, most: int) -> Cut | None:
    """Cut a JSON frame; None when it has no `events` list whose elements can be told apart.

    Raises TooLarge at the first element beyond `most`: nothing after it is looked at.
    """
    tokens = _JSON_TOKEN.finditer(raw)
    cut: Cut | None = None
    try:
        _expect(tokens, b"{")
        while True:
            key = next(tokens)[0]
            _expect(tokens, b":")
            first = next(tokens)
            if first[0] == b"[" and _is_events(key):
                if cut is not None:
                    return None
                spans, end = _json_elements(tokens, most)
                cut = Cut(raw[: first.start()] + b"[]" + raw[end:], [raw[start:stop] for start, stop in spans])
            else:
                _json_end(tokens, first)
            if next(tokens)[0] != b",":
                return cut
    except (_Unreadable, StopIteration):
        return None


def cut_msgpack(raw: bytes, most: int) -> Cut | None:
    """Cut a MessagePack frame; None when it has no `events` list whose elements can be told apart.

    Raises TooLarge when the list claims more than `most` elements.
    """
    cut: Cut | None = None
    try:
        pairs, at = _header(raw, 0, _Kind.MAP)
        for _ in range(pairs):
            value_at = _msgpack_end(raw, at)
            is_events = raw[at:value_at] in _KEYS
            if is_events and _header(raw, value_at, _Kind.ARRAY)[0] > most:
                raise _too_many(most)
            end = _msgpack_end(raw, value_at)
            if is_events:
                if cut is not None:
                    return None
                cut = Cut(raw[:value_at] + b"\x90" + raw[end:], _msgpack_elements(raw, value_at))
            at = end
    except (_Unreadable, IndexError):
        return None
    return cut


def _expect(tokens: Iterator[re.Match[bytes]], wanted: bytes) -> None:
    if next(tokens)[0] != wanted:
        raise _Unreadable


def _is_events(key: bytes) -> bool:
    if b"\\" not in key:
        return key == b'"events"'
    try:
        return msgspec.json.decode(key, type=str) == "events"
    except (msgspec.DecodeError, UnicodeError):
        return False


def _too_many(most: int) -> TooLarge:
    return TooLarge(f"a frame may have {most} events")


def _json_elements(tokens: Iterator[re.Match[bytes]], most: int) -> tuple[list[tuple[int, int]], int]:
    """Where each element of a list begins and ends, its opening bracket read, and where the list ends."""
    spans: list[tuple[int, int]] = []
    first = next(tokens)
    if first[0] == b"]":
        return spans, first.end()
    while True:
        spans.append((first.start(), _json_end(tokens, first)))
        after = next(tokens)
        if after[0] == b"]":
            return spans, after.end()
        if after[0] != b",":
            raise _Unreadable
        if len(spans) == most:
            raise _too_many(most)
        first = next(tokens)


def _json_end(tokens: Iterator[re.Match[bytes]], first: re.Match[bytes]) -> int:
    """Where the value ends that begins with this token."""
    token = first[0]
    if token in _NO_VALUE:
        raise _Unreadable
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
    raise _Unreadable


class _Kind:
    """What follows a MessagePack head byte."""

    NOTHING, BYTES, ARRAY, MAP = range(4)


def _layouts() -> list[tuple[int, int, int, int] | None]:
    """Each head byte: its kind, the width of its length field, its length when there is no such field, extra bytes."""
    table: list[tuple[int, int, int, int] | None] = [None] * 256
    for head in (*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC2, 0xC3):
        table[head] = (_Kind.NOTHING, 0, 0, 0)
    for low in range(16):
        table[0x80 + low] = (_Kind.MAP, 0, low, 0)
        table[0x90 + low] = (_Kind.ARRAY, 0, low, 0)
    for low in range(32):
        table[0xA0 + low] = (_Kind.BYTES, 0, low, 0)
    for power in range(3):
        table[0xC4 + power] = table[0xD9 + power] = (_Kind.BYTES, 1 << power, 0, 0)
        table[0xC7 + power] = (_Kind.BYTES, 1 << power, 0, 1)
    for power in range(4):
        table[0xCC + power] = table[0xD0 + power] = (_Kind.BYTES, 0, 1 << power, 0)
    for power in range(5):
        table[0xD4 + power] = (_Kind.BYTES, 0, 1 << power, 1)
    for power in range(2):
        table[0xCA + power] = (_Kind.BYTES, 0, 4 << power, 0)
        table[0xDC + power] = (_Kind.ARRAY, 2 << power, 0, 0)
        table[0xDE + power] = (_Kind.MAP, 2 << power, 0, 0)
    return table


_LAYOUTS: Final = _layouts()


def _header(raw: bytes, at: int, wanted: int) -> tuple[int, int]:
    """How many elements or pairs a list or map has, and where they begin."""
    layout = _LAYOUTS[raw[at]]
    if layout is None or layout[0] != wanted:
        raise _Unreadable
    _, width, length, _ = layout
    if width:
        length = int.from_bytes(raw[at + 1 : at + 1 + width], "big")
    return length, at + 1 + width


def _msgpack_elements(raw: bytes, at: int) -> list[bytes]:
    count, at = _header(raw, at, _Kind.ARRAY)
    elements: list[bytes] = []
    for _ in range(count):
        end = _msgpack_end(raw, at)
        elements.append(raw[at:end])
        at = end
    return elements


def _msgpack_end(raw: bytes, at: int) -> int:
    """Where the value ends that begins here."""
    left = 1
    while left:
        left -= 1
        layout = _LAYOUTS[raw[at]]
        if layout is None:
            raise _Unreadable
        kind, width, length, extra = layout
        at += 1
        if width:
            length = int.from_bytes(raw[at : at + width], "big")
            at += width
        if kind == _Kind.BYTES:
            at += length + extra
        elif kind != _Kind.NOTHING:
            left += 2 * length if kind == _Kind.MAP else length
    if at > len(raw):
        raise _Unreadable
    return at
