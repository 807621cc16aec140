import asyncio
from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.queries import events
from db.settings import DatabaseSettings
from hub.ingest import writer
from hub.ingest.batcher import Fate, GivenUp, Offer, Stored, Work
from hub.ingest.writer import Ingest
from protocol.codes import RejectCode
from protocol.events import Batch, Entry
from protocol.monitor import Rejected

PATIENCE_S = 10


class Teller:
    """Hears what became of a batch."""

    def __init__(self) -> None:
        self.fate: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()

    def __call__(self, fate: Fate) -> None:
        self.fate.set_result(fate)


class Bench:
    """An ingest, and the connections it has opened."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.hinted: set[UUID] = set()
        self.opened: list[asyncpg.Connection] = []
        self.refusals = 0
        self._connect = partial(connect_writer, settings)
        self.ingest = Ingest(self.connect, self.hinted.update, writers=1, max_bytes=10_000)

    async def connect(self) -> asyncpg.Connection:
        if self.refusals > 0:
            self.refusals -= 1
            raise ConnectionRefusedError
        self.opened.append(await self._connect())
        return self.opened[-1]

    def offer(self, stream_id: UUID, first: int, last: int, *, payload: str = "{}", size: int = 10) -> Teller:
        entries = tuple(Entry(seq, "copy", 0, seq, payload) for seq in range(first, last + 1))
        teller = Teller()
        offer = self.ingest.offer(Work(stream_id, stream_id, Batch(first, last, entries, size), teller))
        assert offer is Offer.TAKEN
        return teller

    async def store(self, stream_id: UUID, first: int, last: int, *, payload: str = "{}") -> Fate:
        return await asyncio.wait_for(self.offer(stream_id, first, last, payload=payload).fate, PATIENCE_S)


@pytest.fixture
async def bench(database: DatabaseSettings) -> AsyncIterator[Bench]:
    bench = Bench(database)
    async with bench.ingest:
        yield bench


async def stored(engine: AsyncEngine, stream_id: UUID) -> list[int]:
    query = text("SELECT seq FROM monitoring_events WHERE stream_id = :stream ORDER BY seq")
    async with engine.connect() as conn:
        return list((await conn.execute(query, {"stream": stream_id})).scalars())


async def test_a_batch_is_told_as_stored_once_it_is_committed_and_hinted(bench: Bench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    assert await bench.store(stream_id, 1, 3) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert bench.hinted == {stream_id}


async def test_batches_of_many_streams_go_into_one_flush(bench: Bench, engine: AsyncEngine) -> None:
    streams = [uuid7() for _ in range(20)]
    tellers = [bench.offer(stream, 1, 2) for stream in streams]
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*(teller.fate for teller in tellers)) == [Stored()] * 20
    async with engine.connect() as conn:
        moments = await conn.execute(text("SELECT count(DISTINCT server_timestamp) FROM monitoring_events"))
        assert moments.scalar_one() == 1


async def test_what_another_process_stored_already_is_stored_and_not_doubled(bench: Bench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 5)
    assert await bench.store(stream_id, 3, 8) == Stored()
    assert await stored(engine, stream_id) == list(range(1, 9))


async def test_poison_is_refused_alone_and_told(bench: Bench, engine: AsyncEngine) -> None:
    stream_id, neighbour = uuid7(), uuid7()
    healthy = bench.offer(neighbour, 1, 3)
    fate = await bench.store(stream_id, 1, 1, payload='{"x": "\\u0000"}')
    assert fate == Stored((Rejected(1, RejectCode.BAD_SHAPE),))
    assert await healthy.fate == Stored()
    assert await stored(engine, neighbour) == [1, 2, 3]


async def test_a_cut_connection_is_replaced_and_nothing_is_lost_or_doubled(bench: Bench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 2)
    bench.opened[0].terminate()
    assert await bench.store(stream_id, 3, 4) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4]


async def test_a_database_that_is_away_for_a_moment_is_waited_for(bench: Bench, engine: AsyncEngine) -> None:
    bench.refusals = 3
    stream_id = uuid7()
    assert await bench.store(stream_id, 1, 2) == Stored()
    assert await stored(engine, stream_id) == [1, 2]


async def test_a_batch_that_cannot_be_stored_in_time_is_told_as_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GIVE_UP_S", 0.3)
    bench.refusals = 1000
    assert await bench.store(uuid7(), 1, 2) == GivenUp()
    assert bench.hinted == set()
    bench.refusals = 0
    assert await bench.store(uuid7(), 1, 2) == Stored()


async def test_what_nobody_foresaw_costs_its_own_flush_and_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(events, "copy", None)
        assert await bench.store(uuid7(), 1, 1) == GivenUp()
    assert await bench.store(uuid7(), 1, 1) == Stored()


async def test_leaving_stores_what_still_waits(database: DatabaseSettings, engine: AsyncEngine) -> None:
    bench, stream_id = Bench(database), uuid7()
    async with bench.ingest:
        teller = bench.offer(stream_id, 1, 4)
    assert teller.fate.result() == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4]


async def test_a_full_ingest_says_so(bench: Bench) -> None:
    stream_id = uuid4()
    bench.offer(stream_id, 1, 1, size=9_000)
    late = Work(stream_id, stream_id, Batch(2, 2, (Entry(2, "copy", 0, 0, "{}"),), 2_000), Teller())
    assert bench.ingest.offer(late) is Offer.FULL
    assert bench.ingest.waiting_bytes == 9_000


async def test_a_session_that_fails_on_its_outcome_does_not_keep_others_from_theirs(bench: Bench) -> None:
    def explode(_fate: Fate) -> None:
        raise ValueError

    stream_id = uuid7()
    bench.ingest.offer(Work(stream_id, stream_id, Batch(1, 1, (Entry(1, "copy", 0, 0, "{}"),), 1), explode))
    assert await bench.store(uuid7(), 1, 1) == Stored()
