"""When and where to connect again, and when to renew a sign-in: pure, so that a storm of clients can be reasoned about.

It never waits itself. After a drain the hub named the time it has: uniform within it. Else full jitter: uniform in
[0, 0.5 s], [0, 1 s] and so on up to [0, 30 s], from the start again once a connection has proved itself.
"""

from collections.abc import Sequence
from random import Random

from protocol.codes import CloseCode

FIRST_S = 0.5
MOST_S = 30.0
PROVEN_S = 5.0
"""A connection that lasted this long, or brought an acknowledgement, counts as a success."""

RENEW_BEFORE_MS = 60_000
"""How long before a sign-in ends it is renewed; one that is short anyway, when half of it is over."""

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
"""Closes that say something about the client: another hub would say the same."""


class Backoff:
    """The delays of one client."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0

    def after(self, *, wait_ms: int | None = None, proven: bool = False) -> float:
        """Seconds to wait after a connection ended, or could not be made."""
        if proven:
            self._failures = 0
        if wait_ms is not None:
            return self._random.uniform(0, wait_ms / 1000)
        # The exponent is capped so that a client left alone for days does not compute with giants.
        most = min(MOST_S, FIRST_S * 2 ** min(self._failures, 16))
        self._failures += 1
        return self._random.uniform(0, most)

    def start_over(self) -> None:
        """Forget the failures: what they were about has changed."""
        self._failures = 0


class Route:
    """Which of several addresses of one service to try: the same one until it fails, then the next, and so around."""

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError("at least one address is needed")
        self._urls = tuple(urls)
        self._at = 0

    @property
    def url(self) -> str:
        """The address to try now."""
        return self._urls[self._at]

    def after(self, code: int) -> None:
        """Take in how a connection to this address ended; one that could not be made counts as 1006."""
        if code not in _ABOUT_US:
            self._at = (self._at + 1) % len(self._urls)


def renew_in_ms(left_ms: float) -> float:
    """How long to wait before renewing a sign-in that is good for so much longer."""
    return max(RENEW_PAUSE_MS, left_ms - RENEW_BEFORE_MS, min(left_ms / 2, RENEW_BEFORE_MS))
