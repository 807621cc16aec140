import re

from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import connect_writer
from db.queries.events.database_epoch import read_epoch
from db.settings import DatabaseSettings


async def test_pooled_and_pinned_connections_read_the_same_epoch(
    conn: AsyncConnection, database: DatabaseSettings
) -> None:
    pinned = await connect_writer(database)
    try:
        assert await read_epoch(pinned) == await read_epoch(conn)
    finally:
        await pinned.close()


async def test_the_name_is_system_identifier_and_timeline(conn: AsyncConnection) -> None:
    assert re.fullmatch(r"\d+-[0-9A-F]{8}", await read_epoch(conn))
