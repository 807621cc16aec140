"""Decide when and where to reconnect, and when to renew a sign-in. Pure: never waits and has no clock.

After a drain the pause is uniform within the time that the hub named. Otherwise full jitter: uniform in [0, 0.5 s],
[0, 1 s] and so on up to [0, 30 s], starting again after a connection that worked.
"""

from collections.abc import Sequence
from random import Random

from protocol.backoff import Backoff
from protocol.codes import CloseCode

FIRST_S = 0.5
MOST_S = 30.0
PROVEN_S = 5.0
"""A connection that lasted this long, or delivered an ack, counts as working."""

RENEW_BEFORE_MS = 60_000
"""A sign-in is renewed this long before it expires; a shorter one when half of it is over."""

RENEW_PAUSE_MS = 1_000

_ABOUT_US = frozenset(
    {
        CloseCode.NORMAL,
        CloseCode.SILENT,
        CloseCode.TOKEN_EXPIRED,
        CloseCode.GAP,
        CloseCode.TOO_FAST,
        CloseCode.TOO_SLOW,
    }
)
"""Close codes that are about the client, so that another hub would not help."""


class ReconnectPause:
    """Pauses of one client between its connections."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._backoff = Backoff(FIRST_S, MOST_S, jitter=random.uniform)

    def after_s(self, *, wait_ms: int | None = None, proven: bool = False) -> float:
        """Return the pause in seconds after a connection ended or could not be opened."""
        if proven:
            self._backoff.reset()
        if wait_ms is not None:
            return self._random.uniform(0, wait_ms / 1000)
        return self._backoff.next_s()

    def reset(self) -> None:
        """Forget the failures: their cause is gone."""
        self._backoff.reset()


class Route:
    """Chooses among several addresses of one service: the same one until it fails, then the next, in a circle."""

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError("at least one address is needed")
        self._urls = tuple(urls)
        self._at = 0

    @property
    def url(self) -> str:
        """Address to try now."""
        return self._urls[self._at]

    def after(self, code: int) -> None:
        """Record how a connection to this address ended; 1006 if it could not be opened."""
        if code not in _ABOUT_US:
            self._at = (self._at + 1) % len(self._urls)


def renew_in_ms(left_ms: float) -> float:
    """Return the pause in ms before renewing a sign-in that is valid for `left_ms`."""
    return max(RENEW_PAUSE_MS, left_ms - RENEW_BEFORE_MS, min(left_ms / 2, RENEW_BEFORE_MS))
