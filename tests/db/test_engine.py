import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import GUARDS, begin_unguarded, connect_writer
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
