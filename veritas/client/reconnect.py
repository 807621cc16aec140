"""When to connect again: pure, so that a storm of clients can be reasoned about; it never waits itself.

After a drain the hub named the time it has: uniform within it. Else full jitter: uniform in [0, 0.5 s], [0, 1 s] and so
on up to [0, 30 s], from the start again once a connection has proved itself.
"""

from random import Random

FIRST_S = 0.5
MOST_S = 30.0
PROVEN_S = 5.0
"""A connection that lasted this long, or brought an acknowledgement, counts as a success."""


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
