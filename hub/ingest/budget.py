"""The byte budget of one process: how much its candidates may have on the way, and what each may send meanwhile.

Pure: no socket, no clock. Below the soft bound everybody has the full window; from there to the hard bound windows
shrink, in a few steps; at the hard bound they are 0 and no new socket is let in. They shrink at once and grow again
only behind a margin, so that a byte more or less, again and again, does not reach every client each time. Nothing is
ever dropped here.
"""

from protocol import limits
from protocol.limits import Window

FULL = Window()
FLOOR = Window(events=100, bytes=limits.FRAME_BYTES)
"""The smallest window short of none: any single frame still fits."""

NONE = Window(0, 0)
STEPS = 8
_FULL_STEP = STEPS + 1


class Budget:
    """Counts the bytes that sessions have taken and not yet acknowledged."""

    def __init__(self, soft_bytes: int, hard_bytes: int) -> None:
        if not 0 <= soft_bytes < hard_bytes:
            raise ValueError("the soft bound must lie below the hard one")
        self._soft_bytes = soft_bytes
        self._hard_bytes = hard_bytes
        # Half a step; never so much that an idle process would not give everybody the full window again.
        self._margin_bytes = min(soft_bytes, (hard_bytes - soft_bytes) // (2 * STEPS))
        self._step = _FULL_STEP
        self.used_bytes = 0

    def move(self, delta_bytes: int) -> None:
        """A session has taken this many bytes more, or, below zero, is rid of them."""
        self.used_bytes += delta_bytes

    @property
    def is_full(self) -> bool:
        """Whether the hard bound is reached: then new sockets are refused."""
        return self.used_bytes >= self._hard_bytes

    def window(self) -> Window:
        """What each candidate may have unacknowledged from now on; it grows only if more than the margin is free."""
        least, most = self._step_at(self.used_bytes + self._margin_bytes), self._step_at(self.used_bytes)
        self._step = min(max(self._step, least), most)
        if self._step == _FULL_STEP:
            return FULL
        if self._step == 0:
            return NONE
        return Window(_between(FLOOR.events, FULL.events, self._step), _between(FLOOR.bytes, FULL.bytes, self._step))

    def _step_at(self, used_bytes: int) -> int:
        left_bytes = self._hard_bytes - used_bytes
        range_bytes = self._hard_bytes - self._soft_bytes
        if left_bytes >= range_bytes:
            return _FULL_STEP
        return max(0, -(-left_bytes * STEPS // range_bytes))


def _between(least: int, most: int, step: int) -> int:
    return least + (most - least) * (step - 1) // STEPS
