"""Compares events that were sent again with the stored ones; a difference becomes an event of the attempt.

Runs beside the path of an event: no session waits for it, and it never changes a stored event. When more events arrive
than can be compared, comparisons are dropped and counted. The event `altered_resend` affects no score by itself.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.events import resends
from hub import metrics
from hub.tasks import Dropped, RetryQueue, Service
from protocol.events import MARKER_EVENTS, Entry

log = structlog.get_logger(__name__)

MAX_BYTES: Final = 4 * 1024 * 1024
"""How much may wait to be compared."""

_ENTRY_BYTES: Final = 200


class _Resent(msgspec.Struct, frozen=True):
    """Events of one stream that were sent again."""

    attempt_id: UUID
    stream_id: UUID
    entries: Sequence[Entry]

    @property
    def size(self) -> int:
        return sum(len(entry.payload) + _ENTRY_BYTES for entry in self.entries)


class Duplicates(Service):
    """A bounded queue of events to compare, one query per batch. A comparison that fails is dropped."""

    def __init__(self, engine: AsyncEngine, *, max_bytes: int = MAX_BYTES) -> None:
        self._engine = engine
        self._queue = RetryQueue[_Resent](
            "duplicates",
            self._compare,
            batch=1,
            bound=max_bytes,
            size=lambda resent: resent.size,
            tries=1,
            on_drop=self._drop,
            last_s=0,
        )
        self._loops = (self._queue,)

    def put(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry]) -> None:
        """Compare these entries of a stream with the stored ones soon, or count that they were not compared.

        Entries without content (ranges of lost events, tombstones) have nothing to compare and are left out.
        """
        entries = [entry for entry in entries if entry.type not in MARKER_EVENTS]
        if entries:
            self._queue.put(_Resent(attempt_id, stream_id, entries))

    async def _compare(self, queued: Sequence[_Resent]) -> None:
        for resent in queued:
            async with self._engine.begin() as conn:
                altered = await resends.record_altered_resends(
                    conn, resent.attempt_id, resent.stream_id, resent.entries
                )
            if altered:
                log.warning(
                    "altered resend",
                    attempt_id=str(resent.attempt_id),
                    stream=str(resent.stream_id),
                    numbers=len(altered),
                )

    @staticmethod
    def _drop(dropped: Sequence[_Resent], _reason: Dropped) -> None:
        metrics.COMPARISONS_DROPPED.inc(sum(len(resent.entries) for resent in dropped))
