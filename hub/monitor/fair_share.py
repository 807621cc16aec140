"""One socket's turn in the process: how much it may do before the others get theirs. Nothing waits here.

A frame that cannot be decoded as a whole is tried event by event; a large one of those takes as long as hundreds of
others, and a client may send nothing else.
"""

from typing import Final

FRAMES: Final = 32
"""A turn ends after so many frames that came at once,"""

BYTES: Final = 16 * 1024
"""or after so many bytes."""

LONG_S: Final = 0.005
"""A turn that took so long is followed by a pause as long, or one client's frames would fill every other moment."""


class FairShare:
    """What a socket has done since the others were let in."""

    def __init__(self) -> None:
        self._frames = 0
        self._bytes = 0
        self._took_s = 0.0

    def spend(self, size: int, took_s: float) -> float | None:
        """Count one frame, of `size` bytes or characters; how long to pause now, in seconds, or None for not at all."""
        self._frames += 1
        self._bytes += size
        self._took_s += took_s
        if self._frames < FRAMES and self._bytes < BYTES:
            return None
        pause_s = self._took_s if self._took_s >= LONG_S else 0.0
        self._frames, self._bytes, self._took_s = 0, 0, 0.0
        return pause_s
