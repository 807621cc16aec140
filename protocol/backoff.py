"""Pauses between tries: each longer than the one before, up to a limit.

Never waits, never reads a clock, and never chooses its own random numbers.
"""

from collections.abc import Callable

Jitter = Callable[[float, float], float]
"""Chooses a number between two others, for example `random.Random().uniform`."""

_EXPONENT_MAX = 64
"""Keeps the arithmetic small for a program that has failed for days."""


class Backoff:
    """Pauses from `base_s` to `cap_s` seconds, each `factor` times as long as the one before.

    With `jitter`, each pause is a random part of that (full jitter), so that many clients do not return together.
    """

    def __init__(self, base_s: float, cap_s: float, *, factor: float = 2.0, jitter: Jitter | None = None) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._factor = factor
        self._jitter = jitter
        self.failures = 0
        """Failures since the start or the last `reset`."""

    def next_s(self) -> float:
        """Count a failure and return the pause that follows it."""
        pause_s = self.pause_s(self.failures)
        self.failures += 1
        return pause_s

    def reset(self) -> None:
        """Start again with the shortest pause."""
        self.failures = 0

    def pause_s(self, failures: int) -> float:
        """Return the pause after one more failure, when the count of earlier `failures` is kept elsewhere."""
        longest_s = min(self._cap_s, self._base_s * self._factor ** min(failures, _EXPONENT_MAX))
        return longest_s if self._jitter is None else self._jitter(0, longest_s)
