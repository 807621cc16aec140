"""An ingest of its own on a real PostgreSQL, and what tests ask of it."""

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
from hub.ingest.writer import Ingest
from protocol.events import Batch, Entry

PATIENCE_S = 10


class Publisher:
    """Hears what became of a batch."""

    def __init__(self) -> None:
        self.fate: asyncio.Future[BatchResult] = asyncio.get_running_loop().create_future()

    def __call__(self, fate: BatchResult) -> None:
        self.fate.set_result(fate)


class Workbench:
    """An ingest, the connections it has opened, and what it has said to others."""

    def __init__(
        self, settings: DatabaseSettings, *, prepare: Callable[[asyncpg.Connection], Awaitable[object]] | None = None
    ) -> None:
        self.notified: set[UUID] = set()
        self.known: list[tuple[UUID, list[int]]] = []
        self.rewinds = 0
        self.opened: list[asyncpg.Connection] = []
        self.refusals = 0
        self._prepare = prepare
        self._connect = partial(connect_writer, settings)
        self.ingest = Ingest(
            self.connect,
            self.notified.update,
            writers=1,
            max_bytes=10_000,
            known=self._note_known,
            on_rewind=self._note_rewind,
        )

    async def connect(self) -> asyncpg.Connection:
        if self.refusals > 0:
            self.refusals -= 1
            raise ConnectionRefusedError
        self.opened.append(await self._connect())
        if self._prepare is not None:
            await self._prepare(self.opened[-1])
        return self.opened[-1]

    def offer(self, stream_id: UUID, first: int, last: int, *, payload: str = "{}", size: int = 10) -> Publisher:
        entries = tuple(Entry(seq, "copy", 0, seq, payload) for seq in range(first, last + 1))
        return self.offer_entries(stream_id, first, entries, size=size)

    def offer_entries(self, stream_id: UUID, first: int, entries: Sequence[Entry], *, size: int = 10) -> Publisher:
        publisher = Publisher()
        batch = Batch(first, entries[-1].seq, tuple(entries), size)
        assert self.ingest.offer(PendingBatch(stream_id, stream_id, batch, publisher)) is Offer.TAKEN
        return publisher

    async def store(self, stream_id: UUID, first: int, last: int, *, payload: str = "{}") -> BatchResult:
        return await asyncio.wait_for(self.offer(stream_id, first, last, payload=payload).fate, PATIENCE_S)

    def _note_known(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry], /) -> None:
        assert attempt_id == stream_id
        self.known.append((stream_id, [entry.seq for entry in entries]))

    def _note_rewind(self) -> None:
        self.rewinds += 1


async def stored(engine: AsyncEngine, stream_id: UUID) -> list[int]:
    """The numbers of a stream that PostgreSQL holds."""
    query = text("SELECT seq FROM monitoring_events WHERE stream_id = :stream ORDER BY seq")
    async with engine.connect() as conn:
        return list((await conn.execute(query, {"stream": stream_id})).scalars())


async def waits(looker: asyncpg.Connection, waiter: asyncpg.Connection) -> None:
    """Until `waiter` waits for a lock that somebody holds."""
    pid = waiter.get_server_pid()
    async with asyncio.timeout(PATIENCE_S):
        while not await looker.fetchval("SELECT cardinality(pg_blocking_pids($1)) FROM pg_sleep(0.01)", pid):
            pass
