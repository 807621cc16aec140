"""Limits how much one socket may do before the other sockets of the process get their turn. Never waits itself.

A frame that cannot be decoded as a whole is decoded event by event. A large one takes as long as hundreds of others,
and a client may send only such frames.
"""

from typing import Final

FRAMES: Final = 32
"""A turn ends after this many frames,"""

BYTES: Final = 16 * 1024
"""or after this many bytes."""

LONG_S: Final = 0.005
"""A turn that took this long is followed by a pause of the same length; else one client would take half of the time."""


class FairShare:
    """The work of one socket since its last pause."""

    def __init__(self) -> None:
        self._frames = 0
        self._bytes = 0
        self._took_s = 0.0

    def spend(self, size: int, took_s: float) -> float | None:
        """Count one frame of `size` bytes. Returns how many seconds to pause now, or None for no pause."""
        self._frames += 1
        self._bytes += size
        self._took_s += took_s
        if self._frames < FRAMES and self._bytes < BYTES:
            return None
        pause_s = self._took_s if self._took_s >= LONG_S else 0.0
        self._frames, self._bytes, self._took_s = 0, 0, 0.0
        return pause_s
