"""How processes reach PostgreSQL: one pooled engine for queries, pinned connections for the event writers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from db.settings import DatabaseSettings

GUARDS = {
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    # A process frozen between its write and its COMMIT must not hold up another (RECORD §2).
    "idle_in_transaction_session_timeout": "5s",
}

# Acknowledged means durable: a server that is set to answer COMMIT early is asked not to, here; any stricter setting
# (a synchronous standby that has to apply) stays as it is.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Build the pooled engine of one process; nothing connects until it is used."""
    url = make_url(settings.database_url).set(drivername="postgresql+asyncpg")
    return create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        # An error's text reaches the logs; payloads, names and hashes must not.
        hide_parameters=True,
        connect_args={"server_settings": GUARDS, "timeout": 5, "command_timeout": 10},
    )


@asynccontextmanager
async def begin_unguarded(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction without limits of time, outside the pool: for upkeep of whole tables, never for a query."""
    unguarded = create_async_engine(engine.url, poolclass=NullPool)
    try:
        async with unguarded.begin() as conn:
            yield conn
    finally:
        await unguarded.dispose()


async def connect_writer(settings: DatabaseSettings) -> asyncpg.Connection:
    """Open one pinned connection for an event writer. Raises OSError or asyncpg.PostgresError."""
    conn = await asyncpg.connect(settings.database_url, server_settings=GUARDS, timeout=5, command_timeout=10)
    try:
        await conn.execute(_DURABLE)
    except BaseException:
        conn.terminate()
        raise
    return conn
