"""Circuit breaker: pause requests to a model that keeps failing.

Pure: it never reads a clock. Times are seconds of any steady clock.
"""

from typing import Final

FAILURES: Final = 3
"""Failures in a row that open it."""

REST_S: Final = 60.0
"""How long it stays open. Then one request is allowed."""


class Breaker:
    """Closed while a model answers; open after failures in a row; half open when one request may try again.

    After Nygard, Release It!, 2nd edition, 2018, §5.2.
    """

    def __init__(self, *, failures: int = FAILURES, rest_s: float = REST_S) -> None:
        self._failures = failures
        self._rest_s = rest_s
        self._failed = 0
        self._until_s = 0.0

    def is_open(self, now_s: float) -> bool:
        """Return whether requests are paused now."""
        return self._failed >= self._failures and now_s < self._until_s

    def wait_s(self, now_s: float) -> float:
        """Return how long requests are paused; 0 when it is not open."""
        return self._until_s - now_s if self.is_open(now_s) else 0.0

    def take(self, now_s: float) -> bool:
        """Return whether a request is allowed. After the pause only one is, until its result is reported."""
        if self.is_open(now_s):
            return False
        if self._failed >= self._failures:
            self._until_s = now_s + self._rest_s
        return True

    def succeed(self) -> None:
        """Report an answer."""
        self._failed = 0

    def fail(self, now_s: float) -> None:
        """Report a failure."""
        self._failed += 1
        self._until_s = now_s + self._rest_s
