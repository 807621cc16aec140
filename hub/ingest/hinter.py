"""Tells the workers which attempts have new facts: at once when it is quiet, gathered every 50 ms under load.

A hint may be lost: the workers' sweep finds the work all the same. Ingest never waits for one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from uuid import UUID

GATHER_S = 0.05

Enqueue = Callable[[Collection[UUID]], Awaitable[None]]
"""Asks the workers to fold some attempts: `db.hints.Hints.enqueue_evaluate`."""


class Hinter:
    """Gathers attempts between two jobs."""

    def __init__(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        self._attempts: set[UUID] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Hinter":
        self._task = asyncio.create_task(self._run(), name="hinter")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def hint(self, attempts: frozenset[UUID]) -> None:
        """These attempts have new facts in PostgreSQL."""
        self._attempts |= attempts
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            gathered, self._attempts = self._attempts, set()
            await self._enqueue(gathered)
            await asyncio.sleep(GATHER_S)
