"""How many control frames and small message pieces a peer may send. Pure: time is an argument. Closes nothing itself.

Each costs the process some microseconds and the peer only six bytes, so without a budget one line of 10 Mbit/s could
keep a whole core busy. Complete messages are counted by their handlers.
"""

from typing import Final

from protocol.limits import CONTROL_BURST, CONTROL_PER_S, STRANGER_CONTROL

PIECE_BYTES: Final = 1024
"""A piece of a message with at least so many bytes is free: it costs no more than a message of the same size."""


class FrameBudget:
    """The budget of one socket: a few frames in all before its hello is accepted, then a rate with a burst."""

    def __init__(self) -> None:
        self._left = float(STRANGER_CONTROL)
        self._at_s: float | None = None
        """When `_left` was computed; None before the hello, when nothing is added."""

    def admit(self, now_s: float) -> None:
        """Allow the rate of a peer that is known."""
        self._left, self._at_s = float(CONTROL_BURST), now_s

    def spend(self, now_s: float) -> bool:
        """Count one frame. Return False if it is over the budget."""
        if self._at_s is not None:
            self._left = min(CONTROL_BURST, self._left + CONTROL_PER_S * (now_s - self._at_s))
            self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
