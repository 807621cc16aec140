"""Records the closes of connections in PostgreSQL, many in one transaction. A socket may wait for its own.

While PostgreSQL is away, closes are kept and tried again with the time at which they happened; no other process records
them while this hub lives. Decides nothing about sockets.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.connections import connections
from db.queries.connections.connections import Closing, OpenedConnection
from hub import metrics
from hub.sockets import steady_ms
from hub.tasks import Dropped, RetryQueue, Service

log = structlog.get_logger(__name__)

BATCH: Final = 200
WAITING_MAX: Final = 100_000

PEER_GONE: Final = "gone"
"""The cause of a close without a close code: the peer or the network ended the connection."""


class _Close(msgspec.Struct, frozen=True, eq=False):
    opening: OpenedConnection
    cause: str
    at_ms: int
    recorded: "asyncio.Future[None]"

    @property
    def key(self) -> tuple[UUID, int]:
        return self.opening.attempt_id, self.opening.generation


class CloseLog(Service):
    """One queue for all candidates of a hub. It is safe to record a close twice.

    When the hub ends, it waits 5 s for the rest; after that the workers close the connections with the hub's lease.
    """

    def __init__(self, engine: AsyncEngine, *, waiting_max: int = WAITING_MAX) -> None:
        self._engine = engine
        self._keys: set[tuple[UUID, int]] = set()
        self._queue = RetryQueue[_Close]("close-log", self._record, batch=BATCH, bound=waiting_max, on_drop=self._drop)
        self._loops = (self._queue,)

    def put(self, opening: OpenedConnection, cause: str) -> "asyncio.Future[None]":
        """Record the close of a connection soon. The future is done when it is recorded or dropped."""
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        close = _Close(opening, cause, steady_ms(), recorded)
        if self._queue.put(close):
            self._keys.add(close.key)
        return recorded

    def holds(self, attempt_id: UUID, generation: int) -> bool:
        """Return whether the close of this connection waits to be recorded."""
        return (attempt_id, generation) in self._keys

    async def _record(self, closes: Sequence[_Close]) -> None:
        now = steady_ms()
        closings: dict[tuple[UUID, int], Closing] = {}
        for close in closes:
            attempt_id, generation = close.key
            closings.setdefault(close.key, Closing(attempt_id, generation, close.cause, now - close.at_ms))
        async with self._engine.begin() as conn:
            await connections.close_connections(conn, list(closings.values()))
        self._finish(closes)

    def _drop(self, closes: Sequence[_Close], reason: Dropped) -> None:
        metrics.CLOSES_DROPPED.labels(reason=reason).inc(len(closes))
        log.warning("closes dropped", connections=len(closes), reason=reason)
        self._finish(closes)

    def _finish(self, closes: Sequence[_Close]) -> None:
        for close in closes:
            self._keys.discard(close.key)
            if not close.recorded.done():
                close.recorded.set_result(None)
