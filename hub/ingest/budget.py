"""The byte budget of one process: limits how many unstored bytes its candidates may have, by the size of their windows.

Below the soft bound each candidate has the full window. From there to the hard bound windows shrink in steps; at the
hard bound they are 0 and new sockets are refused. Windows shrink at once and grow only when more than a margin is free,
so that small changes of the load do not send a new window to every client. Pure: no socket, no clock. Never drops data.
"""

from protocol import limits
from protocol.limits import Window

FULL = Window()
FLOOR = Window(events=100, bytes=limits.FRAME_BYTES)
"""The smallest window above zero; one frame of the largest size still fits."""

NONE = Window(0, 0)
STEPS = 8
_FULL_STEP = STEPS + 1


class Budget:
    """Counts the bytes that sessions have taken and not yet acknowledged."""

    def __init__(self, soft_bytes: int, hard_bytes: int) -> None:
        if not 0 <= soft_bytes < hard_bytes:
            raise ValueError("soft_bytes must be less than hard_bytes")
        self._soft_bytes = soft_bytes
        self._hard_bytes = hard_bytes
        # Half a step, but never so much that an idle process could not return to full windows.
        self._margin_bytes = min(soft_bytes, (hard_bytes - soft_bytes) // (2 * STEPS))
        self._step = _FULL_STEP
        self.used_bytes = 0

    def move(self, delta_bytes: int) -> None:
        """Count bytes that a session has taken, or, when negative, no longer holds."""
        self.used_bytes += delta_bytes

    @property
    def is_full(self) -> bool:
        """Whether the hard bound is reached; new sockets are refused then."""
        return self.used_bytes >= self._hard_bytes

    def window(self) -> Window:
        """Return what each candidate may have unacknowledged now."""
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
