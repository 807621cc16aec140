"""The connection breaks before or after COMMIT, for every way to store a batch: it is stored and reported once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.settings import DatabaseSettings
from hub.ingest.batcher import BatchResult, Stored
from protocol.codes import RejectCode
from protocol.events import Entry, tombstone
from protocol.monitor import Rejected
from tests.faults.proxy import CommitCut, Proxy
from tests.hub.ingest.workbench import PATIENCE_S, Reported, Workbench, stored

GOOD = [Entry(seq, "copy", 1_700_000_000_000 + seq, seq, f'{{"n": {seq}}}') for seq in range(1, 6)]
STONE = [tombstone(1, RejectCode.TOO_DEEP, b"[[[["), *GOOD[1:]]
POISON = [*GOOD[:2], Entry(3, "copy", 0, 3, '{"x":1e200000}'), *GOOD[3:]]


@pytest.fixture
async def proxy(database: DatabaseSettings) -> AsyncIterator[Proxy]:
    async with Proxy(database.database_url) as proxy:
        yield proxy


@pytest.fixture
async def bench(database: DatabaseSettings, proxy: Proxy) -> AsyncIterator[Workbench]:
    bench = Workbench(DatabaseSettings(database_url=proxy.url, redis_url=database.redis_url))
    async with bench.ingest:
        yield bench


async def result_of(reported: Reported) -> BatchResult:
    return await asyncio.wait_for(reported.result, PATIENCE_S)


async def contents(engine: AsyncEngine) -> list[tuple[int, str, int]]:
    async with engine.connect() as conn:
        rows = await conn.execute(text("SELECT seq, event_type, mono FROM monitoring_events ORDER BY seq"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("cut", list(CommitCut))
async def test_a_copy_cut_at_its_end_is_stored_once_and_reported_only_when_it_is_certain(
    bench: Workbench, proxy: Proxy, engine: AsyncEngine, cut: CommitCut
) -> None:
    stream_id = uuid7()
    proxy.plan.append(cut)
    reported = bench.offer_entries(stream_id, 1, GOOD)
    early: list[bool] = []
    proxy.on_cut = lambda: early.append(reported.result.done())
    assert await result_of(reported) == Stored()
    assert proxy.commits == [cut.value, "passed"]
    assert early == [False]
    assert await contents(engine) == [(seq, "copy", seq) for seq in range(1, 6)]
    # The batch of the try whose response was lost is found, and not stored again.
    assert bench.known == ([(stream_id, [1, 2, 3, 4, 5])] if cut is CommitCut.AFTER else [])


@pytest.mark.parametrize("cut", list(CommitCut))
async def test_a_copy_in_a_transaction_cut_at_its_commit_keeps_tombstones_and_their_bytes(
    bench: Workbench, proxy: Proxy, engine: AsyncEngine, cut: CommitCut
) -> None:
    proxy.plan.append(cut)
    assert await result_of(bench.offer_entries(uuid7(), 1, STONE)) == Stored()
    assert proxy.commits == [cut.value, "passed"]
    assert await contents(engine) == [(1, "rejected", 0)] + [(seq, "copy", seq) for seq in range(2, 6)]
    async with engine.connect() as conn:
        kept = await conn.execute(text("SELECT seq, code, raw FROM rejected_events"))
        assert [tuple(row) for row in kept] == [(1, "too_deep", b"[[[[")]


@pytest.mark.parametrize("cut", list(CommitCut))
async def test_an_insert_cut_at_its_commit_is_repeated_and_still_reports_what_was_refused(
    bench: Workbench, proxy: Proxy, engine: AsyncEngine, cut: CommitCut
) -> None:
    stream_id = uuid7()
    # The poison stops the COPY before its end counts as a commit, so the first one is the insert's.
    proxy.plan += [None, cut]
    reported = bench.offer_entries(stream_id, 1, POISON)
    early: list[bool] = []
    proxy.on_cut = lambda: early.append(reported.result.done())
    assert await result_of(reported) == Stored((Rejected(3, RejectCode.BAD_SHAPE),))
    assert proxy.commits == [cut.value, "passed"]
    assert early == [False]
    assert await stored(engine, stream_id) == [1, 2, 3, 4, 5]


async def test_repeated_cuts_at_commit_store_nothing_twice(bench: Workbench, proxy: Proxy, engine: AsyncEngine) -> None:
    stream_id = uuid7()
    proxy.plan += [CommitCut.AFTER, CommitCut.BEFORE, CommitCut.AFTER]
    assert await result_of(bench.offer_entries(stream_id, 1, GOOD)) == Stored()
    assert proxy.commits == ["after", "before", "after", "passed"]
    assert await bench.store(stream_id, 6, 8) == Stored()
    assert await stored(engine, stream_id) == list(range(1, 9))
