"""The ends of connections on their way to PostgreSQL, many in one transaction; a socket may wait for its own.

An end that PostgreSQL cannot take now is kept and tried again, dated when it happened: while this hub lives nobody else
would state it. Nothing is decided here.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.queries.connections import connections
from db.queries.connections.connections import Closing, OpenedConnection
from hub import metrics
from hub.sockets import steady_ms
from hub.tasks import Background

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200
WAITING_MAX: Final = 100_000
RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
LAST_S: Final = 5.0
"""How long ends may still be recorded as the hub itself ends; the rest is left to the workers, with its lease."""


class _Farewell(msgspec.Struct, frozen=True, eq=False):
    opening: OpenedConnection
    cause: str
    at_ms: int
    recorded: "asyncio.Future[None]"


class CloseLog(Background):
    """One queue for all candidates of a hub; stating an end twice does no harm."""

    name = "close-log"

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: asyncio.Queue[_Farewell] = asyncio.Queue(WAITING_MAX)
        self._keys: set[tuple[UUID, int]] = set()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._waiting.join()
        await super().__aexit__(kind, error, trace)

    def put(self, opening: OpenedConnection, cause: str) -> "asyncio.Future[None]":
        """Record the end of a connection, soon; the future is done when it is recorded, or never will be."""
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        farewell = _Farewell(opening, cause, steady_ms(), recorded)
        try:
            self._waiting.put_nowait(farewell)
        except asyncio.QueueFull:
            self._drop([farewell], "full")
        else:
            self._keys.add(_key_of(farewell))
        return recorded

    def holds(self, attempt_id: UUID, generation: int) -> bool:
        """Whether the end of this connection is still to be recorded."""
        return (attempt_id, generation) in self._keys

    async def _run(self) -> None:
        while True:
            taken = [await self._waiting.get()]
            while len(taken) < AT_ONCE and not self._waiting.empty():
                taken.append(self._waiting.get_nowait())
            try:
                await self._record_at_last(taken)
            except Exception:
                log.exception("ends not recorded", connections=len(taken))
                self._drop(taken, "failed")
            for farewell in taken:
                self._keys.discard(_key_of(farewell))
                if not farewell.recorded.done():
                    farewell.recorded.set_result(None)
                self._waiting.task_done()

    async def _record_at_last(self, taken: list[_Farewell]) -> None:
        tries = 0
        while True:
            try:
                return await self._record(taken)
            except AWAY as error:
                log.warning("ends put off", connections=len(taken), error=type(error).__name__)
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    async def _record(self, taken: list[_Farewell]) -> None:
        now = steady_ms()
        closings: dict[tuple[UUID, int], Closing] = {}
        for one in taken:
            attempt_id, generation = one.opening.attempt_id, one.opening.generation
            closing = Closing(attempt_id, generation, one.cause, now - one.at_ms)
            closings.setdefault((attempt_id, generation), closing)
        async with self._engine.begin() as conn:
            await connections.close_connections(conn, list(closings.values()))

    def _drop(self, dropped: list[_Farewell], reason: str) -> None:
        metrics.FAREWELLS_DROPPED.labels(reason=reason).inc(len(dropped))
        log.warning("ends dropped", connections=len(dropped), reason=reason)
        for farewell in dropped:
            if not farewell.recorded.done():
                farewell.recorded.set_result(None)


def _key_of(farewell: _Farewell) -> tuple[UUID, int]:
    return farewell.opening.attempt_id, farewell.opening.generation
