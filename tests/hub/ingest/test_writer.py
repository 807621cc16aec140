import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.models import MonitoringEvent
from db.queries.events.insert import copy_events
from db.segments import Segment
from db.settings import DatabaseSettings
from hub.ingest import batcher
from hub.ingest.batcher import BatchResult, GivenUp, Offer, PendingBatch, Stored
from hub.ingest.writer import FlushLimits
from protocol.codes import RejectCode
from protocol.events import Batch, Entry, lost_entry
from protocol.monitor import Rejected
from tests.hub.ingest.workbench import PATIENCE_S, Reported, Workbench, stored


@pytest.fixture
async def bench(database: DatabaseSettings) -> AsyncIterator[Workbench]:
    bench = Workbench(database)
    async with bench.ingest:
        yield bench


async def test_a_batch_is_reported_as_stored_once_it_is_committed(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    assert await bench.store(stream_id, 1, 3) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert bench.notified == {stream_id}


async def test_batches_of_many_streams_go_into_one_flush(bench: Workbench, engine: AsyncEngine) -> None:
    streams = [uuid7() for _ in range(20)]
    batches = [bench.offer(stream, 1, 2) for stream in streams]
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*(reported.result for reported in batches)) == [Stored()] * 20
    async with engine.connect() as conn:
        moments = await conn.execute(text("SELECT count(DISTINCT server_timestamp) FROM monitoring_events"))
        assert moments.scalar_one() == 1


async def flush_moments(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        query = text("SELECT count(DISTINCT server_timestamp) FROM monitoring_events")
        moments: int = (await conn.execute(query)).scalar_one()
        return moments


async def test_small_frames_that_follow_a_flush_of_many_clients_share_the_next_one(
    bench: Workbench, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "GATHER_S", 1.0)
    async with asyncio.timeout(PATIENCE_S):
        first = [bench.offer(uuid7(), 1, 1) for _ in range(batcher.CROWD)]
        await asyncio.gather(*(reported.result for reported in first))
        second = bench.offer(uuid7(), 1, 1)
        await asyncio.sleep(0.1)
        third = bench.offer(uuid7(), 1, 1)
        assert [await second.result, await third.result] == [Stored(), Stored()]
    assert await flush_moments(engine) == 2


async def test_leaving_does_not_wait_for_more_batches(
    database: DatabaseSettings, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "GATHER_S", 60.0)
    bench = Workbench(database)
    async with asyncio.timeout(PATIENCE_S), bench.ingest:
        first = [bench.offer(uuid7(), 1, 1) for _ in range(batcher.CROWD)]
        await asyncio.gather(*(reported.result for reported in first))
        last = bench.offer(uuid7(), 1, 1)
        await asyncio.sleep(0)
    assert await last.result == Stored()
    assert await flush_moments(engine) == 2


async def test_only_attempts_with_a_notable_event_are_notified(database: DatabaseSettings) -> None:
    bench = Workbench(database, notable=frozenset({"paste"}))
    quiet, pasted = uuid7(), uuid7()
    async with bench.ingest, asyncio.timeout(PATIENCE_S):
        first = bench.offer_entries(quiet, 1, [Entry(1, "typing", 0, 1, "{}")])
        second = bench.offer_entries(pasted, 1, [Entry(1, "typing", 0, 1, "{}"), Entry(2, "paste", 0, 2, "{}")])
        assert [await first.result, await second.result] == [Stored(), Stored()]
    assert bench.notified == {pasted}


async def test_events_another_process_has_stored_are_stored_once(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 5)
    assert await bench.store(stream_id, 3, 8) == Stored()
    assert await stored(engine, stream_id) == list(range(1, 9))
    assert bench.known == [(stream_id, [3, 4, 5])]


async def test_two_sessions_of_one_stream_in_one_flush_both_get_a_result(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    older, newer = bench.offer(stream_id, 1, 3), bench.offer(stream_id, 1, 5)
    async with asyncio.timeout(PATIENCE_S):
        assert [await older.result, await newer.result] == [Stored(), Stored()]
    assert await stored(engine, stream_id) == [1, 2, 3, 4, 5]


async def test_an_event_postgresql_refuses_is_refused_alone_and_reported(bench: Workbench, engine: AsyncEngine) -> None:
    stream_id, neighbor = uuid7(), uuid7()
    healthy = bench.offer(neighbor, 1, 3)
    result = await bench.store(stream_id, 1, 1, payload='{"x": "\\u0000"}')
    assert result == Stored((Rejected(1, RejectCode.BAD_SHAPE),))
    assert await healthy.result == Stored()
    assert await stored(engine, neighbor) == [1, 2, 3]


async def test_a_broken_connection_is_replaced_and_nothing_is_lost_or_stored_twice(
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


async def test_a_batch_that_cannot_be_stored_in_time_is_given_up(database: DatabaseSettings) -> None:
    bench = Workbench(database, limits=FlushLimits(give_up_s=1.0))
    async with bench.ingest:
        bench.refusals = 1000
        assert await bench.store(uuid7(), 1, 2) == GivenUp()
        assert bench.notified == set()
        bench.refusals = 0
        assert await bench.store(uuid7(), 1, 2) == Stored()


async def test_an_error_inside_the_driver_is_repeated_on_a_new_connection(
    bench: Workbench, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction was committed or not; the repeat compares with what is stored."""
    stream_id = uuid7()
    await bench.store(stream_id, 1, 2)

    async def fail_after_commit(conn: asyncpg.Connection, segments: Sequence[Segment]) -> None:
        await copy_events(conn, segments)
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    monkeypatch.setattr("hub.ingest.writer.copy_events", fail_after_commit)
    assert await bench.store(stream_id, 3, 4) == Stored()
    assert len(bench.opened) == 2
    assert bench.opened[0].is_closed()
    assert await stored(engine, stream_id) == [1, 2, 3, 4]


async def test_an_unexpected_exception_affects_one_flush_only(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("hub.ingest.writer.copy_events", None)
        assert await bench.store(uuid7(), 1, 1) == GivenUp()
    assert await bench.store(uuid7(), 1, 1) == Stored()


async def test_leaving_stores_what_waits(database: DatabaseSettings, engine: AsyncEngine) -> None:
    bench, stream_id = Workbench(database), uuid7()
    async with bench.ingest:
        reported = bench.offer(stream_id, 1, 4)
    assert reported.result.result() == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4]


async def test_a_full_ingest_returns_full(bench: Workbench) -> None:
    stream_id = uuid7()
    bench.offer(stream_id, 1, 1, size=9_000)
    late = PendingBatch(stream_id, stream_id, Batch(2, 2, (Entry(2, "copy", 0, 0, "{}"),), 2_000), Reported())
    assert bench.ingest.offer(late) is Offer.FULL
    assert bench.ingest.waiting_bytes == 9_000


async def test_a_session_that_fails_on_its_result_does_not_keep_others_from_theirs(bench: Workbench) -> None:
    def explode(_result: BatchResult) -> None:
        raise ValueError

    stream_id = uuid7()
    bench.ingest.offer(PendingBatch(stream_id, stream_id, Batch(1, 1, (Entry(1, "copy", 0, 0, "{}"),), 1), explode))
    assert await bench.store(uuid7(), 1, 1) == Stored()


@pytest.fixture
async def rival(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """The writer of another process, to hold a lock by hand."""
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
        reported = bench.offer(stream_id, 1, 3)
        for _ in range(3):
            await asyncio.wait_for(failures.acquire(), PATIENCE_S)
        assert not reported.result.done()
        await rival.execute("ROLLBACK")
        assert await asyncio.wait_for(reported.result, PATIENCE_S) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert len(bench.opened) == 1


async def test_a_lock_that_is_never_released_affects_one_flush_only(
    database: DatabaseSettings, engine: AsyncEngine, rival: asyncpg.Connection
) -> None:
    bench = Workbench(
        database,
        prepare=lambda conn: conn.execute("SET lock_timeout = '50ms'"),
        limits=FlushLimits(give_up_s=1.0),
    )
    stuck, other = uuid7(), uuid7()
    await claim(rival, stuck, 1)
    async with bench.ingest:
        assert await bench.store(stuck, 1, 3) == GivenUp()
        assert await bench.store(other, 1, 3) == Stored()
    assert await stored(engine, stuck) == []


async def test_a_refused_event_in_the_middle_of_a_full_flush_is_refused_alone(
    bench: Workbench, engine: AsyncEngine
) -> None:
    streams = [uuid7() for _ in range(50)]
    batches = {stream: bench.offer(stream, 1, 100) for stream in streams[:-1]}
    entries = [Entry(seq, "copy", 0, seq, "{}") for seq in range(1, 101)]
    entries[49] = Entry(50, "copy", 0, 50, '{"x":1e200000}')
    bad = bench.offer_entries(streams[-1], 1, entries)
    async with asyncio.timeout(PATIENCE_S):
        assert await bad.result == Stored((Rejected(50, RejectCode.BAD_SHAPE),))
        assert await asyncio.gather(*(reported.result for reported in batches.values())) == [Stored()] * 49
    assert await stored(engine, streams[-1]) == list(range(1, 101))


async def test_a_batch_that_would_leave_a_hole_is_given_up_and_others_are_stored(
    bench: Workbench, engine: AsyncEngine
) -> None:
    torn, neighbor = uuid7(), uuid7()
    batches = bench.offer(torn, 6, 8), bench.offer(neighbor, 1, 2)
    async with asyncio.timeout(PATIENCE_S):
        assert [await reported.result for reported in batches] == [GivenUp(), Stored()]
    assert await stored(engine, torn) == []
    assert await stored(engine, neighbor) == [1, 2]
    assert bench.notified == {neighbor}


async def test_events_that_the_server_has_lost_are_noticed_after_a_reconnect(
    bench: Workbench, engine: AsyncEngine
) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 5)
    async with engine.begin() as conn:
        await conn.execute(
            delete(MonitoringEvent).where(MonitoringEvent.stream_id == stream_id, MonitoringEvent.seq > 3)
        )
    bench.opened[0].terminate()
    assert await bench.store(stream_id, 6, 7) == GivenUp()
    assert await stored(engine, stream_id) == [1, 2, 3]
    assert await bench.store(stream_id, 4, 7) == Stored()
    assert await stored(engine, stream_id) == [1, 2, 3, 4, 5, 6, 7]


async def test_the_head_of_a_stream_is_read_once_per_connection(bench: Workbench, rival: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await bench.store(stream_id, 1, 2)
    queries: list[str] = []
    bench.opened[0].add_query_logger(lambda query: queries.append(query.query))
    await bench.store(stream_id, 3, 4)
    await bench.store(stream_id, 5, 6)
    assert all("max(seq)" not in query for query in queries)
    await bench.store(uuid7(), 1, 2)
    assert sum("max(seq)" in query for query in queries) == 1


async def test_lost_numbers_are_one_range_for_the_client_and_two_rows_in_postgresql(
    bench: Workbench, engine: AsyncEngine
) -> None:
    stream_id = uuid7()
    reported = bench.offer_entries(stream_id, 1, [lost_entry(1, 10, "overflow")])
    assert await asyncio.wait_for(reported.result, PATIENCE_S) == Stored()
    assert await stored(engine, stream_id) == [1, 10]
    assert await bench.store(stream_id, 11, 12) == Stored()


async def test_a_late_batch_of_an_older_session_does_not_overlap_what_the_newer_reported_lost(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    older, newer, stream_id = Workbench(database), Workbench(database), uuid7()
    async with older.ingest, newer.ingest:
        await older.store(stream_id, 1, 2)
        reported = newer.offer_entries(stream_id, 3, [lost_entry(3, 20, "overflow")])
        assert await asyncio.wait_for(reported.result, PATIENCE_S) == Stored()
        # With the result "stored", the older session would continue from within the span.
        assert await older.store(stream_id, 3, 6) == GivenUp()
    assert await stored(engine, stream_id) == [1, 2, 3, 20]
    assert older.known == []


async def test_leaving_while_the_database_is_away_waits_for_one_flush_only(database: DatabaseSettings) -> None:
    bench = Workbench(database, limits=FlushLimits(rows=2, give_up_s=0.3))
    bench.refusals = 1_000
    async with asyncio.timeout(PATIENCE_S):
        async with bench.ingest:
            batches = [bench.offer(uuid7(), 1, 2) for _ in range(100)]
        assert [await reported.result for reported in batches] == [GivenUp()] * 100


@pytest.mark.parametrize("is_under_way", [False, True])
async def test_leaving_while_the_database_is_away_gives_up_sooner(
    database: DatabaseSettings, is_under_way: bool
) -> None:
    bench = Workbench(database, limits=FlushLimits(closing_give_up_s=0.2))
    bench.refusals = 1_000
    async with asyncio.timeout(PATIENCE_S):
        async with bench.ingest:
            reported = bench.offer(uuid7(), 1, 2)
            while is_under_way and bench.refusals == 1_000:  # noqa: ASYNC110 - the writer sends no event
                await asyncio.sleep(0)
        assert await reported.result == GivenUp()


async def test_leaving_waits_for_a_database_that_responds(database: DatabaseSettings, engine: AsyncEngine) -> None:
    bench, stream_id = Workbench(database), uuid7()
    bench.refusals = 3
    async with bench.ingest:
        reported = bench.offer(stream_id, 1, 2)
    assert await reported.result == Stored()
    assert await stored(engine, stream_id) == [1, 2]
