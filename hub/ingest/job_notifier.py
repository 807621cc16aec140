"""Between stages 5 and 6: tells the workers which attempts have new facts: at once, or gathered every 50 ms.

A hint may be lost: the workers' sweep finds the work all the same. Ingest never waits for one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

import structlog

from hub.tasks import Background

log = structlog.get_logger(__name__)

GATHER_S = 0.05

Enqueue = Callable[[Collection[UUID]], Awaitable[None]]
"""Asks the workers to fold some attempts: `db.notify.Notifier.enqueue_evaluate`."""


class JobNotifier(Background):
    """Gathers attempts between two jobs."""

    name = "hinter"

    def __init__(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        self._attempts: set[UUID] = set()
        self._wake = asyncio.Event()

    def notification(self, attempts: frozenset[UUID]) -> None:
        """These attempts have new facts in PostgreSQL."""
        self._attempts |= attempts
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            gathered, self._attempts = self._attempts, set()
            try:
                await self._enqueue(gathered)
            except Exception:
                # A hint may be lost, the ones after it must not be.
                log.exception("hint failed")
            await asyncio.sleep(GATHER_S)
