"""Queue of hellos: a few use PostgreSQL at once, the others wait in order, and a storm is told when to come.

A hello that cannot be served soon is refused at once, with a time that grows with those refused before it. The clients
come back at a random moment within that time, so that they arrive about as fast as the hub serves them. `Expectation`
is pure: time is an argument.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from hub.errors import Busy
from hub.sockets import steady_ms

WAIT_MS: Final = 4_000
"""A hello that would wait longer is refused. Clients wait 10 s for a welcome."""

TURN_S: Final = 8.0
"""How long a hello that was let in may wait after all, for example while PostgreSQL is away."""

FIRST_MS: Final = 4.0
"""How long one hello takes the hub, until that is measured."""

LEAST_MS: Final = 500
MOST_MS: Final = 60_000
"""Bounds of the time that a refused client is told."""

_WEIGHT: Final = 0.05
_SERVED_MAX_MS: Final = 500.0
"""A single slow hello must not make the queue seem full for long."""


class TooManyHellos(Busy):
    """Too many clients connect at once. Come back within `wait_ms`, at a random moment."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__("Many clients are connecting. Try again in a moment.")
        self.wait_ms = wait_ms


class Expectation:
    """How long hellos take the hub, and when it has time for those that it has sent away."""

    def __init__(self, each_ms: float = FIRST_MS) -> None:
        self.each_ms = each_ms
        """The mean time between two served hellos while others wait."""
        self._booked_until_ms = 0.0
        self._served_ms: int | None = None

    def served(self, now_ms: int, *, others_wait: bool) -> None:
        """Note that a hello was served. Only the time between two of a full queue says how fast the hub is."""
        if self._served_ms is not None:
            took_ms = min(_SERVED_MAX_MS, now_ms - self._served_ms)
            self.each_ms += _WEIGHT * (took_ms - self.each_ms)
        self._served_ms = now_ms if others_wait else None

    def wait_ms(self, waiting: int) -> int:
        """Return how long a hello would wait behind so many others."""
        return int(waiting * self.each_ms)

    def book(self, waiting: int, now_ms: int) -> int:
        """Book a moment for a client that is sent away, and return within how many ms it must come.

        It comes at a random moment within that time, so on average after half of it, when the hub has time.
        """
        begin_ms = max(self._booked_until_ms, now_ms + self.wait_ms(waiting))
        self._booked_until_ms = begin_ms + self.each_ms
        wait_ms = int(2 * (self._booked_until_ms - now_ms))
        if wait_ms > MOST_MS:
            self._booked_until_ms = begin_ms
        return max(LEAST_MS, min(MOST_MS, wait_ms))


class HelloQueue:
    """Lets `slots` hellos use PostgreSQL at once, in the order of their arrival."""

    def __init__(
        self,
        slots: int,
        *,
        wait_ms: int = WAIT_MS,
        turn_s: float = TURN_S,
        on_deferred: Callable[[], None] = lambda: None,
    ) -> None:
        self.slots = slots
        self.expectation = Expectation()
        self._free = asyncio.Semaphore(slots)
        self._wait_ms = wait_ms
        self._turn_s = turn_s
        self._on_deferred = on_deferred
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until this hello may use PostgreSQL.

        Raises TooManyHellos at once when the queue is too long, and TimeoutError when waiting takes too long after all.
        """
        if self._waiting and self.expectation.wait_ms(self._waiting) > self._wait_ms:
            self._on_deferred()
            raise TooManyHellos(self.expectation.book(self._waiting, steady_ms()))
        self._waiting += 1
        try:
            async with asyncio.timeout(self._turn_s):
                await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
            self.expectation.served(steady_ms(), others_wait=self._waiting > 0)
