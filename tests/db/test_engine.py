import asyncio
import gc

import asyncpg
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.ext.asyncio import AsyncEngine

from db import engine as db_engine
from db.engine import GUARDS, begin_unguarded, connect_writer, note_unretrieved, reading
from db.settings import DatabaseSettings


async def test_a_writer_never_waits_without_limit_and_blocks_no_one(database: DatabaseSettings) -> None:
    conn = await connect_writer(database)
    try:
        for name, value in GUARDS.items():
            assert await conn.fetchval(f"SHOW {name}") == value
    finally:
        await conn.close()


async def test_maintenance_of_whole_tables_has_no_time_limit(engine: AsyncEngine) -> None:
    async with begin_unguarded(engine) as conn:
        for name in GUARDS:
            assert (await conn.execute(text(f"SHOW {name}"))).scalar_one() == "0"
        await conn.execute(text("CREATE TABLE kept (id int)"))
    async with engine.connect() as conn:
        assert (await conn.execute(text("SELECT to_regclass('kept')"))).scalar_one() == "kept"


@pytest.mark.parametrize(("configured", "used"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
async def test_a_writer_answers_no_commit_before_it_is_durable(
    database: DatabaseSettings, configured: str, used: str
) -> None:
    admin = await asyncpg.connect(database.database_url)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = {configured}")
    await admin.close()
    conn = await connect_writer(database)
    try:
        assert await conn.fetchval("SHOW synchronous_commit") == used
    finally:
        await conn.close()


async def abandon(error: Exception) -> list[str]:
    """Abandon a future with this exception; return what was noted."""
    noted: list[str] = []
    loop = asyncio.get_running_loop()
    note_unretrieved(loop, lambda: noted.append("lost"))
    try:
        loop.create_future().set_exception(error)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    return noted


@pytest.mark.parametrize(
    "error", [asyncpg.ConnectionDoesNotExistError("gone"), ConnectionResetError(), RedisConnectionError()]
)
async def test_a_lost_connection_that_no_one_retrieves_is_no_error(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert await abandon(error) == ["lost"]
    assert caplog.records == []


async def test_any_other_unretrieved_exception_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert await abandon(ValueError("a fault of ours")) == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_what_fails_in_a_callback_is_logged_as_an_error_also_for_a_lost_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    noted: list[str] = []
    loop = asyncio.get_running_loop()
    note_unretrieved(loop, lambda: noted.append("lost"))

    def fail() -> None:
        raise ConnectionResetError

    loop.call_soon(fail)
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert noted == []
    assert len(caplog.records) == 1


async def test_a_pooled_connection_that_postgresql_closed_is_replaced(engine: AsyncEngine) -> None:
    closed = asyncio.Event()
    async with engine.connect() as other:
        async with engine.connect() as conn:
            old = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            driver = (await conn.get_raw_connection()).driver_connection
            assert driver is not None
            driver.add_termination_listener(lambda _: closed.set())
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": old})
        async with asyncio.timeout(5):
            await closed.wait()
        async with engine.connect() as conn:
            assert (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one() != old


async def test_an_idle_connection_that_does_not_answer_is_replaced(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine.connect() as conn:
        old = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()

    def fail(_connection: object) -> None:
        raise ConnectionError("no answer")

    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", fail)
    async with engine.connect() as conn:
        assert (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one() == old
    monkeypatch.setattr(db_engine, "IDLE_S", 0.0)
    async with engine.connect() as conn:
        assert (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one() != old


async def test_single_reads_open_no_transaction(engine: AsyncEngine) -> None:
    async with reading(engine) as conn:
        first = (await conn.execute(text("SELECT now()"))).scalar_one()
        assert (await conn.execute(text("SELECT now()"))).scalar_one() > first
    async with engine.connect() as conn:
        first = (await conn.execute(text("SELECT now()"))).scalar_one()
        assert (await conn.execute(text("SELECT now()"))).scalar_one() == first
