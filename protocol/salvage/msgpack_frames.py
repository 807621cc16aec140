"""Split a MessagePack frame into its envelope and the bytes of each event.

It never decodes an event, and deep nesting costs no recursion.
"""

from typing import Final

from protocol.salvage.split_frame import SplitFrame, Unreadable, too_many

_KEYS: Final = frozenset((b"\xa6events", b"\xd9\x06events", b"\xda\0\x06events", b"\xdb\0\0\0\x06events"))
"""All encodings of the key `events` in MessagePack."""


def split_msgpack(raw: bytes, max_events: int) -> SplitFrame | None:
    """Split a MessagePack frame. Return None when it has no `events` list, or when its elements cannot be separated.

    Raises TooLarge when the list claims more than `max_events` elements.
    """
    split: SplitFrame | None = None
    try:
        pairs, at = _header(raw, 0, _Kind.MAP)
        for _ in range(pairs):
            value_at = _end_of(raw, at)
            is_events = raw[at:value_at] in _KEYS
            if is_events and _header(raw, value_at, _Kind.ARRAY)[0] > max_events:
                raise too_many(max_events)
            end = _end_of(raw, value_at)
            if is_events:
                if split is not None:
                    return None
                split = SplitFrame(raw[:value_at] + b"\x90" + raw[end:], _elements(raw, value_at))
            at = end
    except (Unreadable, IndexError):
        return None
    return split


class _Kind:
    """What follows a head byte."""

    NOTHING, BYTES, ARRAY, MAP = range(4)


def _layouts() -> list[tuple[int, int, int, int] | None]:
    """List for each head byte: kind, width of the length field, length if there is no such field, extra bytes."""
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


def _header(raw: bytes, at: int, expected: int) -> tuple[int, int]:
    """Read how many elements or pairs a list or map has, and where they begin."""
    layout = _LAYOUTS[raw[at]]
    if layout is None or layout[0] != expected:
        raise Unreadable
    _, width, length, _ = layout
    if width:
        length = int.from_bytes(raw[at + 1 : at + 1 + width], "big")
    return length, at + 1 + width


def _elements(raw: bytes, at: int) -> list[bytes]:
    count, at = _header(raw, at, _Kind.ARRAY)
    elements: list[bytes] = []
    for _ in range(count):
        end = _end_of(raw, at)
        elements.append(raw[at:end])
        at = end
    return elements


def _end_of(raw: bytes, at: int) -> int:
    """Find the end of the value that begins at `at`."""
    left = 1
    while left:
        left -= 1
        layout = _LAYOUTS[raw[at]]
        if layout is None:
            raise Unreadable
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
        raise Unreadable
    return at
