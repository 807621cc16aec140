"""Which history this PostgreSQL tells: what was seen committed in one is not promised in another."""

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The control file learns of a new timeline only at the next checkpoint; the write-ahead log is on it at once.
_EPOCH = """
    SELECT system_identifier || '-' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()
"""


async def read_epoch(conn: AsyncConnection | asyncpg.Connection) -> str:
    """System identifier and timeline, which a failover or a restore changes.

    Raises what PostgreSQL raises while it is a standby: a standby's history is not decided yet.
    """
    if isinstance(conn, AsyncConnection):
        return str((await conn.execute(text(_EPOCH))).scalar_one())
    return str(await conn.fetchval(_EPOCH))
