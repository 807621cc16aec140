"""The byte budget of one process: how much its candidates may have on the way, and what each may send meanwhile.

Pure: no socket, no clock. Below the soft bound everybody has the full window; from there to the hard bound windows
shrink, in a few steps so that a byte more or less does not reach every client; at the hard bound they are 0 and no new
socket is let in. Nothing is ever dropped here.
"""

from protocol import limits
from protocol.limits import Window

FULL = Window()
FLOOR = Window(events=100, bytes=limits.FRAME_BYTES)
"""The smallest window short of none: any single frame still fits."""

NONE = Window(0, 0)
STEPS = 8


class Budget:
    """Counts the bytes that sessions have taken and not yet acknowledged."""

    def __init__(self, soft_bytes: int, hard_bytes: int) -> None:
        if not 0 <= soft_bytes < hard_bytes:
            raise ValueError("the soft bound must lie below the hard one")
        self._soft_bytes = soft_bytes
        self._hard_bytes = hard_bytes
        self.used_bytes = 0

    def move(self, delta_bytes: int) -> None:
        """A session has taken this many bytes more, or, below zero, is rid of them."""
        self.used_bytes += delta_bytes

    @property
    def is_full(self) -> bool:
        """Whether the hard bound is reached: then new sockets are refused."""
        return self.used_bytes >= self._hard_bytes

    def window(self) -> Window:
        """What each candidate may have unacknowledged now."""
        left_bytes = self._hard_bytes - self.used_bytes
        range_bytes = self._hard_bytes - self._soft_bytes
        if left_bytes >= range_bytes:
            return FULL
        if left_bytes <= 0:
            return NONE
        step = -(-left_bytes * STEPS // range_bytes)
        return Window(_between(FLOOR.events, FULL.events, step), _between(FLOOR.bytes, FULL.bytes, step))


def _between(least: int, most: int, step: int) -> int:
    return least + (most - least) * (step - 1) // STEPS
