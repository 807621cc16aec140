"""Between stages 5 and 6: notifies the workers which attempts have new events for rules, at once or every 50 ms.

A notification may be lost: the workers' sweep finds the attempts anyway. The writers never wait for it.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Final
from uuid import UUID

from db.periodic import Periodic
from hub.tasks import Service
from protocol.backoff import Backoff

GATHER_S: Final = 0.05

Enqueue = Callable[[Collection[UUID]], Awaitable[None]]
"""Asks the workers to evaluate some attempts: `db.notify.Notifier.enqueue_evaluate`."""


class JobNotifier(Service):
    """Gathers attempts while a job is being enqueued, and for `gather_s` seconds after it."""

    def __init__(self, enqueue: Enqueue, *, gather_s: float = GATHER_S) -> None:
        self._enqueue = enqueue
        self._attempts: set[UUID] = set()
        self._loop = Periodic("job-notifier", None, self._notify, gap_s=gather_s, retry=Backoff(gather_s, gather_s))
        self._loops = (self._loop,)

    def put(self, attempts: frozenset[UUID]) -> None:
        """Notify the workers soon that these attempts have new events in PostgreSQL."""
        self._attempts |= attempts
        self._loop.wake()

    async def _notify(self) -> None:
        gathered, self._attempts = self._attempts, set()
        if gathered:
            await self._enqueue(gathered)
