"""Waiting until a transaction waits for a lock, so that tests need no fixed pauses."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

# Every role sees pg_locks; what another role's process waits for is only shown to superusers.
_WAITING = text(
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND NOT granted"
)


async def until_blocked(engine: AsyncEngine) -> None:
    """Wait until a transaction of this test's database waits for a lock."""
    async with asyncio.timeout(20), engine.connect() as conn:
        while not (await conn.execute(_WAITING)).scalar_one():
            await conn.rollback()
            await asyncio.sleep(0.01)  # PostgreSQL does not notify about waiting locks
