"""Tells the workers which attempts have new facts: at once when it is quiet, gathered every 50 ms under load.

A hint may be lost: the workers' sweep finds the work all the same. Ingest never waits for one.
"""

import asyncio
from types import TracebackType
from uuid import UUID

from db.hints import Hints

GATHER_S = 0.05


class Hinter:
    """Gathers attempts between two jobs."""

    def __init__(self, hints: Hints) -> None:
        self._hints = hints
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
            await self._hints.enqueue_evaluate(gathered)
            await asyncio.sleep(GATHER_S)
