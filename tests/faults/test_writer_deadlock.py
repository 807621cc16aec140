"""Two writers that lock rows in opposite order: PostgreSQL cancels one of them, and everything is still stored once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.queries.events.insert import copy_events
from db.segments import Segment
from db.settings import DatabaseSettings
from hub import metrics
from hub.ingest.batcher import Stored
from protocol.events import Entry
from tests.hub.ingest.workbench import PATIENCE_S, Workbench, stored, waits
from veritas.embedded.servers import Servers


@pytest.fixture
def database(servers: Servers, owner_database: DatabaseSettings) -> DatabaseSettings:
    """The superuser's: no other role may choose a `deadlock_timeout`."""
    name = make_url(owner_database.database_url).database
    url = make_url(servers.admin_url).set(database=name).render_as_string(hide_password=False)
    return msgspec.structs.replace(owner_database, database_url=url)


@pytest.fixture
async def rival(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    await conn.execute("SET lock_timeout = 0; SET statement_timeout = 0; SET deadlock_timeout = '60s'")
    yield conn
    await conn.close()


async def test_a_deadlock_is_followed_by_an_insert_that_may_be_repeated(
    database: DatabaseSettings, engine: AsyncEngine, rival: asyncpg.Connection
) -> None:
    first, second = sorted((uuid7(), uuid7()), key=lambda stream: stream.int)
    rows = (Entry(1, "copy", 0, 1, "{}"), Entry(2, "copy", 0, 2, "{}"))
    fallbacks = metrics.COPY_FALLBACKS.labels(reason="DeadlockDetectedError")
    before = fallbacks._value.get()
    connected = asyncio.Event()

    async def prepare(conn: asyncpg.Connection) -> None:
        await conn.execute("SET lock_timeout = 0; SET statement_timeout = 0; SET deadlock_timeout = '2s'")
        connected.set()

    bench = Workbench(database, prepare=prepare)
    async with bench.ingest:
        crossing = rival.transaction()
        await crossing.start()
        await copy_events(rival, [Segment(second, 1, rows)])
        batches = bench.offer(first, 1, 2), bench.offer(second, 1, 2)
        observer = await connect_writer(database)
        await asyncio.wait_for(connected.wait(), PATIENCE_S)
        await waits(observer, bench.opened[0])
        # A writer sorts its rows and never causes this: the test locks in the opposite order.
        await asyncio.wait_for(copy_events(rival, [Segment(first, 1, rows)]), PATIENCE_S)
        await crossing.commit()
        async with asyncio.timeout(PATIENCE_S):
            assert [await reported.result for reported in batches] == [Stored(), Stored()]
        await observer.close()
    assert fallbacks._value.get() == before + 1
    assert await stored(engine, first) == await stored(engine, second) == [1, 2]
