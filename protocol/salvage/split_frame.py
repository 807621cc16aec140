"""The result of splitting a frame, and the error if that fails. It reads no bytes itself."""

import msgspec

from protocol.errors import TooLarge


class SplitFrame(msgspec.Struct, frozen=True):
    """An `events` frame in parts: the same frame with an empty list, and the bytes of each event."""

    envelope: bytes
    events: list[bytes]


class Unreadable(Exception):
    """The end of a value cannot be found."""


def too_many(max_events: int) -> TooLarge:
    """Make the error for a frame with more than `max_events` events."""
    return TooLarge(f"a frame may have {max_events} events")
