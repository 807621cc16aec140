"""Compares numbers that were sent again with what is stored under them; a difference becomes a fact of the attempt.

Beside the path of an event: nobody waits for a comparison, and what stands is never changed by one. When more is sent
again than can be compared, comparisons are dropped and counted; the fact `altered_resend` counts for nothing alone.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.queries.events import resends
from hub import metrics
from hub.tasks import Background
from protocol.events import MARKER_EVENTS, Entry

log = structlog.get_logger(__name__)

MAX_BYTES = 4 * 1024 * 1024
"""How much may wait to be compared."""

_ENTRY_BYTES = 200


class Duplicates(Background):
    """A bounded queue of numbers to be compared, one query per batch."""

    name = "resends"

    def __init__(self, engine: AsyncEngine, *, max_bytes: int = MAX_BYTES) -> None:
        self._engine = engine
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[UUID, UUID, Sequence[Entry]]] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()

    def put(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry]) -> None:
        """Have these entries of a stream compared with what is stored there, or count that they were not.

        Places without content have nothing to compare: they are left out, and the bytes of refused events with them.
        """
        entries = [entry for entry in entries if entry.type not in MARKER_EVENTS]
        if not entries:
            return
        size = _size(entries)
        if self._waiting_bytes + size > self._max_bytes:
            metrics.COMPARISONS_DROPPED.inc(len(entries))
            return
        self._waiting.append((attempt_id, stream_id, entries))
        self._waiting_bytes += size
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            while self._waiting:
                attempt_id, stream_id, entries = self._waiting.popleft()
                self._waiting_bytes -= _size(entries)
                await self._compare(attempt_id, stream_id, entries)
            self._wake.clear()

    async def _compare(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry]) -> None:
        try:
            async with self._engine.begin() as conn:
                altered = await resends.record_altered_resends(conn, attempt_id, stream_id, entries)
        except AWAY as error:
            log.warning("resend not compared", attempt_id=str(attempt_id), error=type(error).__name__)
            metrics.COMPARISONS_DROPPED.inc(len(entries))
        except Exception:
            log.exception("resend not compared", attempt_id=str(attempt_id))
            metrics.COMPARISONS_DROPPED.inc(len(entries))
        else:
            if altered:
                log.warning("altered resend", attempt_id=str(attempt_id), stream=str(stream_id), numbers=len(altered))


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(entry.payload) + _ENTRY_BYTES for entry in entries)
