"""The database epoch: what was committed in one epoch may be missing in another.

Never decides what to do after a change.
"""

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The control file shows a new timeline only after the next checkpoint; the write-ahead log uses it at once.
_EPOCH = """
    SELECT system_identifier || '-' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()
"""


async def read_epoch(conn: AsyncConnection | asyncpg.Connection) -> str:
    """Read system identifier and timeline, which a failover or a restore changes.

    Raises PostgreSQL's error on a standby, whose epoch is not decided yet.
    """
    if isinstance(conn, AsyncConnection):
        return str((await conn.execute(text(_EPOCH))).scalar_one())
    return str(await conn.fetchval(_EPOCH))
