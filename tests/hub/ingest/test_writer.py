import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.queries.events import insert as events
from db.settings import DatabaseSettings
from hub.ingest import writer
from hub.ingest.batcher import BatchResult, GivenUp, Offer, PendingBatch, Stored
from protocol.codes import RejectCode
from protocol.events import Batch, Entry, lost_entry
from protocol.monitor import Rejected
from tests.hub.ingest.workbench import PATIENCE_S, Publisher, Workbench, stored


@pytest.fixture
async def bench(database: DatabaseSettings) -> AsyncIterator[Workbench]:
    bench = Workbench(database)
    async with bench.ingest:
        yield bench


async def test_a_batch_is_told_as_stored_once_it_is_committed_and_hinted(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    assert await bench.store(stream_id, 1, 3) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert bench.notified == {stream_id}


async def test_batches_of_many_streams_go_into_one_flush(bench: Workbench, engine: AsyncEngine) -> None:
    streams = [uuid7() for _ in range(20)]
    tellers = [bench.offer(stream, 1, 2) for stream in streams]
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*(publisher.fate for publisher in tellers)) == [Stored()] * 20
    async with engine.connect() as conn:
        moments = await conn.execute(text("SELECT count(DISTINCT server_timestamp) FROM monitoring_events"))
        assert moments.scalar_one() == 1


async def test_what_another_process_stored_already_is_stored_and_not_doubled(
    bench: Workbench, engine: AsyncEngine
) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 5)
    assert await bench.store(stream_id, 3, 8) == Stored()
    assert await stored(engine, stream_id) == list(range(1, 9))
    assert bench.known == [(stream_id, [3, 4, 5])]


async def test_two_sessions_of_one_stream_in_one_flush_are_both_told(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    older, newer = bench.offer(stream_id, 1, 3), bench.offer(stream_id, 1, 5)
    async with asyncio.timeout(PATIENCE_S):
        assert [await older.fate, await newer.fate] == [Stored(), Stored()]
    assert await stored(engine, stream_id) == [1, 2, 3, 4, 5]


async def test_poison_is_refused_alone_and_told(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id, neighbour = uuid7(), uuid7()
    healthy = bench.offer(neighbour, 1, 3)
    fate = await bench.store(stream_id, 1, 1, payload='{"x": "\\u0000"}')
    assert fate == Stored((Rejected(1, RejectCode.BAD_SHAPE),))
    assert await healthy.fate == Stored()
    assert await stored(engine, neighbour) == [1, 2, 3]


async def test_a_cut_connection_is_replaced_and_nothing_is_lost_or_doubled(
    bench: Workbench, engine: AsyncEngine
) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 2)
    bench.opened[0].terminate()
    assert await bench.store(stream_id, 3, 4) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4]


async def test_a_database_that_is_away_for_a_moment_is_waited_for(bench: Workbench, engine: AsyncEngine) -> None:
    bench.refusals = 3
    stream_id = uuid7()
    assert await bench.store(stream_id, 1, 2) == Stored()
    assert await stored(engine, stream_id) == [1, 2]


async def test_a_batch_that_cannot_be_stored_in_time_is_told_as_given_up(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GIVE_UP_S", 0.3)
    bench.refusals = 1000
    assert await bench.store(uuid7(), 1, 2) == GivenUp()
    assert bench.notified == set()
    bench.refusals = 0
    monkeypatch.setattr(writer, "GIVE_UP_S", 20.0)
    assert await bench.store(uuid7(), 1, 2) == Stored()


async def test_what_nobody_foresaw_costs_its_own_flush_and_no_other(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(events, "copy_events", None)
        assert await bench.store(uuid7(), 1, 1) == GivenUp()
    assert await bench.store(uuid7(), 1, 1) == Stored()


async def test_leaving_stores_what_still_waits(database: DatabaseSettings, engine: AsyncEngine) -> None:
    bench, stream_id = Workbench(database), uuid7()
    async with bench.ingest:
        publisher = bench.offer(stream_id, 1, 4)
    assert publisher.fate.result() == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4]


async def test_a_full_ingest_says_so(bench: Workbench) -> None:
    stream_id = uuid7()
    bench.offer(stream_id, 1, 1, size=9_000)
    late = PendingBatch(stream_id, stream_id, Batch(2, 2, (Entry(2, "copy", 0, 0, "{}"),), 2_000), Publisher())
    assert bench.ingest.offer(late) is Offer.FULL
    assert bench.ingest.waiting_bytes == 9_000


async def test_a_session_that_fails_on_its_outcome_does_not_keep_others_from_theirs(bench: Workbench) -> None:
    def explode(_fate: BatchResult) -> None:
        raise ValueError

    stream_id = uuid7()
    bench.ingest.offer(PendingBatch(stream_id, stream_id, Batch(1, 1, (Entry(1, "copy", 0, 0, "{}"),), 1), explode))
    assert await bench.store(uuid7(), 1, 1) == Stored()


@pytest.fixture
async def rival(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """Another process' writer, to hold a lock by hand."""
    conn = await connect_writer(database)
    yield conn
    await conn.close()


async def claim(rival: asyncpg.Connection, stream_id: object, seq: int) -> None:
    """Insert a number as another hub would, and leave its transaction open."""
    await rival.execute("BEGIN")
    await rival.execute(
        "INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, event_type, data_payload) "
        "VALUES ($1, $2, 0, now(), 'copy', '{}')",
        stream_id,
        seq,
    )


@pytest.mark.parametrize(
    "limit", ["SET lock_timeout = '100ms'", "SET statement_timeout = '100ms'; SET lock_timeout = 0"]
)
async def test_a_lock_held_by_another_hub_is_waited_for_over_many_tries_of_one_connection(
    database: DatabaseSettings, engine: AsyncEngine, rival: asyncpg.Connection, limit: str
) -> None:
    failures = asyncio.Semaphore(0)

    async def prepare(conn: asyncpg.Connection) -> None:
        await conn.execute(limit)
        conn.add_query_logger(lambda query: failures.release() if query.exception else None)

    bench, stream_id = Workbench(database, prepare=prepare), uuid7()
    await claim(rival, stream_id, 2)
    async with bench.ingest:
        publisher = bench.offer(stream_id, 1, 3)
        for _ in range(3):
            await asyncio.wait_for(failures.acquire(), PATIENCE_S)
        assert not publisher.fate.done()
        await rival.execute("ROLLBACK")
        assert await asyncio.wait_for(publisher.fate, PATIENCE_S) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert len(bench.opened) == 1


async def test_a_lock_that_is_never_let_go_costs_the_flush_and_not_the_next(
    database: DatabaseSettings, engine: AsyncEngine, rival: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GIVE_UP_S", 0.4)
    bench, stuck, other = (
        Workbench(database, prepare=lambda conn: conn.execute("SET lock_timeout = '50ms'")),
        uuid7(),
        uuid7(),
    )
    await claim(rival, stuck, 1)
    async with bench.ingest:
        assert await bench.store(stuck, 1, 3) == GivenUp()
        monkeypatch.setattr(writer, "GIVE_UP_S", 20.0)
        assert await bench.store(other, 1, 3) == Stored()
    assert await stored(engine, stuck) == []


async def test_poison_in_the_middle_of_a_full_flush_is_refused_alone(bench: Workbench, engine: AsyncEngine) -> None:
    streams = [uuid7() for _ in range(50)]
    tellers = {stream: bench.offer(stream, 1, 100) for stream in streams[:-1]}
    entries = [Entry(seq, "copy", 0, seq, "{}") for seq in range(1, 101)]
    entries[49] = Entry(50, "copy", 0, 50, '{"x":1e200000}')
    bad = bench.offer_entries(streams[-1], 1, entries)
    async with asyncio.timeout(PATIENCE_S):
        assert await bad.fate == Stored((Rejected(50, RejectCode.BAD_SHAPE),))
        assert await asyncio.gather(*(publisher.fate for publisher in tellers.values())) == [Stored()] * 49
    assert await stored(engine, streams[-1]) == list(range(1, 101))


async def test_what_would_leave_a_hole_is_given_back_and_its_neighbours_are_stored(
    bench: Workbench, engine: AsyncEngine
) -> None:
    torn, neighbour = uuid7(), uuid7()
    tellers = bench.offer(torn, 6, 8), bench.offer(neighbour, 1, 2)
    async with asyncio.timeout(PATIENCE_S):
        assert [await publisher.fate for publisher in tellers] == [GivenUp(), Stored()]
    assert await stored(engine, torn) == []
    assert await stored(engine, neighbour) == [1, 2]
    assert bench.notified == {neighbour}


async def test_a_server_that_forgot_its_tail_is_found_out_after_a_reconnect(
    bench: Workbench, engine: AsyncEngine, rival: asyncpg.Connection
) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 5)
    await rival.execute("DELETE FROM monitoring_events WHERE stream_id = $1 AND seq > 3", stream_id)
    bench.opened[0].terminate()
    assert await bench.store(stream_id, 6, 7) == GivenUp()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert await bench.store(stream_id, 4, 7) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4, 5, 6, 7]


async def test_the_head_of_a_stream_is_asked_for_once_per_connection(
    bench: Workbench, rival: asyncpg.Connection
) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 2)
    asked: list[str] = []
    bench.opened[0].add_query_logger(lambda query: asked.append(query.query))
    await bench.store(stream_id, 3, 4)
    await bench.store(stream_id, 5, 6)
    assert all("max(seq)" not in query for query in asked)
    await bench.store(uuid7(), 1, 2)
    assert sum("max(seq)" in query for query in asked) == 1


async def test_lost_numbers_are_one_range_to_the_client_and_their_first_a_row_of_its_own(
    bench: Workbench, engine: AsyncEngine
) -> None:
    stream_id = uuid7()
    publisher = bench.offer_entries(stream_id, 1, [lost_entry(1, 10, "overflow")])
    assert await asyncio.wait_for(publisher.fate, PATIENCE_S) == Stored()
    assert await stored(engine, stream_id) == [1, 10]
    assert await bench.store(stream_id, 11, 12) == Stored()


async def test_a_late_batch_of_an_older_session_does_not_overlap_what_the_newer_called_lost(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    older, newer, stream_id = Workbench(database), Workbench(database), uuid7()
    async with older.ingest, newer.ingest:
        await older.store(stream_id, 1, 2)
        publisher = newer.offer_entries(stream_id, 3, [lost_entry(3, 20, "overflow")])
        assert await asyncio.wait_for(publisher.fate, PATIENCE_S) == Stored()
        # Were it told "stored", it would go on from within the span.
        assert await older.store(stream_id, 3, 6) == GivenUp()
    assert await stored(engine, stream_id) == [1, 2, 3, 20]
    assert older.known == []


async def test_leaving_while_the_database_is_away_waits_for_one_flush_and_not_for_each(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GIVE_UP_S", 0.3)
    monkeypatch.setattr(writer, "ROWS_PER_FLUSH", 2)
    bench = Workbench(database)
    bench.refusals = 1_000
    async with asyncio.timeout(PATIENCE_S):
        async with bench.ingest:
            tellers = [bench.offer(uuid7(), 1, 2) for _ in range(100)]
        assert [await publisher.fate for publisher in tellers] == [GivenUp()] * 100


@pytest.mark.parametrize("is_under_way", [False, True])
async def test_leaving_while_the_database_is_away_gives_up_sooner(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, is_under_way: bool
) -> None:
    monkeypatch.setattr(writer, "CLOSING_GIVE_UP_S", 0.2)
    bench = Workbench(database)
    bench.refusals = 1_000
    async with asyncio.timeout(PATIENCE_S):
        async with bench.ingest:
            publisher = bench.offer(uuid7(), 1, 2)
            while is_under_way and bench.refusals == 1_000:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        assert await publisher.fate == GivenUp()


async def test_leaving_does_not_hurry_a_database_that_answers(database: DatabaseSettings, engine: AsyncEngine) -> None:
    bench, stream_id = Workbench(database), uuid7()
    bench.refusals = 3
    async with bench.ingest:
        publisher = bench.offer(stream_id, 1, 2)
    assert await publisher.fate == Stored()
    assert await stored(engine, stream_id) == [1, 2]
