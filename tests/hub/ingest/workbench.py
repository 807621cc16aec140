"""An ingest on a real PostgreSQL, and helpers for its tests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import connect_writer
from db.settings import DatabaseSettings
from hub.ingest.batcher import BatchResult, Offer, PendingBatch
from hub.ingest.writer import LIMITS, FlushLimits, Ingest
from protocol.events import Batch, Entry

PATIENCE_S = 10


class Reported:
    """Receives the result of a batch."""

    def __init__(self) -> None:
        self.result: asyncio.Future[BatchResult] = asyncio.get_running_loop().create_future()

    def __call__(self, result: BatchResult) -> None:
        self.result.set_result(result)


class Workbench:
    """An ingest, the connections it has opened, and what it has reported."""

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        prepare: Callable[[asyncpg.Connection], Awaitable[object]] | None = None,
        limits: FlushLimits = LIMITS,
        notable: frozenset[str] | None = None,
    ) -> None:
        self.notified: set[UUID] = set()
        self.known: list[tuple[UUID, list[int]]] = []
        self.epoch_changes = 0
        self.opened: list[asyncpg.Connection] = []
        self.refusals = 0
        self._prepare = prepare
        self._connect = partial(connect_writer, settings)
        self.ingest = Ingest(
            self.connect,
            self.notified.update,
            writers=1,
            max_bytes=10_000,
            on_known=self._note_known,
            on_epoch_change=self._note_epoch_change,
            limits=limits,
            notable=notable,
        )

    async def connect(self) -> asyncpg.Connection:
        if self.refusals > 0:
            self.refusals -= 1
            raise ConnectionRefusedError
        self.opened.append(await self._connect())
        if self._prepare is not None:
            await self._prepare(self.opened[-1])
        return self.opened[-1]

    def offer(self, stream_id: UUID, first: int, last: int, *, payload: str = "{}", size: int = 10) -> Reported:
        entries = tuple(Entry(seq, "copy", 0, seq, payload) for seq in range(first, last + 1))
        return self.offer_entries(stream_id, first, entries, size=size)

    def offer_entries(self, stream_id: UUID, first: int, entries: Sequence[Entry], *, size: int = 10) -> Reported:
        reported = Reported()
        batch = Batch(first, entries[-1].seq, tuple(entries), size)
        assert self.ingest.offer(PendingBatch(stream_id, stream_id, batch, reported)) is Offer.TAKEN
        return reported

    async def store(self, stream_id: UUID, first: int, last: int, *, payload: str = "{}") -> BatchResult:
        return await asyncio.wait_for(self.offer(stream_id, first, last, payload=payload).result, PATIENCE_S)

    def _note_known(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry], /) -> None:
        assert attempt_id == stream_id
        self.known.append((stream_id, [entry.seq for entry in entries]))

    def _note_epoch_change(self) -> None:
        self.epoch_changes += 1


async def stored(engine: AsyncEngine, stream_id: UUID) -> list[int]:
    """The numbers of a stream that are stored."""
    query = text("SELECT seq FROM monitoring_events WHERE stream_id = :stream ORDER BY seq")
    async with engine.connect() as conn:
        return list((await conn.execute(query, {"stream": stream_id})).scalars())


async def waits(observer: asyncpg.Connection, waiter: asyncpg.Connection) -> None:
    """Wait until `waiter` waits for a lock."""
    pid = waiter.get_server_pid()
    async with asyncio.timeout(PATIENCE_S):
        while not await observer.fetchval("SELECT cardinality(pg_blocking_pids($1)) FROM pg_sleep(0.01)", pid):
            pass
