"""Connections to PostgreSQL: a pooled engine for queries, and pinned connections for the event writers.

Builds nothing at import and runs no queries except the settings of a connection.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import NullPool, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from db.settings import DatabaseSettings

GUARDS: Final[Mapping[str, str]] = {
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    # A process that freezes between a write and its COMMIT must not block others for long (docs/database.md).
    "idle_in_transaction_session_timeout": "5s",
}
"""PostgreSQL's time limits for each connection."""

COMMAND_S: Final = 10.0
"""After this time a process gives up a command that PostgreSQL has not answered."""

IDLE_S: Final = 5.0
"""A pooled connection that was not used for so long is tried before it is used."""

ROWS_PER_INSERT: Final = 100

_LOST: Final = (ConnectionError, asyncpg.PostgresConnectionError, RedisConnectionError)
_USED_S: Final = "veritas.used_s"
_UNRETRIEVED: Final = "exception was never retrieved"

# Acknowledged means durable: `off` would answer COMMIT early. Stricter settings, such as a synchronous standby that
# must apply, stay.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


def create_engine(
    settings: DatabaseSettings, *, guards: Mapping[str, str] = GUARDS, command_s: float = COMMAND_S
) -> AsyncEngine:
    """Build the pooled engine of one process. It connects when it is first used.

    `guards` and `command_s` are its time limits; see `GUARDS` and `COMMAND_S`.
    """
    url = make_url(settings.database_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=5,
        # Error texts are logged. Payloads, names and hashes must not be.
        hide_parameters=True,
        json_serializer=_encode_json,
        json_deserializer=msgspec.json.decode,
        # A thousand rows in one statement, the default, would keep the event loop for 70 ms.
        insertmanyvalues_page_size=ROWS_PER_INSERT,
        connect_args={"server_settings": dict(guards), "timeout": 5, "command_timeout": command_s},
    )
    event.listen(engine.sync_engine, "checkout", _check_open)
    event.listen(engine.sync_engine, "checkin", _note_use)
    return engine


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED_S] = time.monotonic()


def _check_open(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Replace a pooled connection that has ended.

    When PostgreSQL ends, asyncpg knows of all its connections at once, without a query. A firewall forgets only idle
    ones, so only these are tried. SQLAlchemy's own check costs three round trips each time a connection is used.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
    if time.monotonic() - record.info.get(_USED_S, math.inf) > IDLE_S:
        try:
            connection.ping()
        except Exception as error:
            raise InvalidatePoolError from error


def _encode_json(value: object) -> str:
    """Encode a value for a JSON column, eight times as fast as the standard library: the event loop waits for it."""
    return msgspec.json.encode(value).decode()


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection for single reads: each statement is a transaction, without BEGIN and ROLLBACK around it."""
    async with engine.connect() as conn:
        yield await conn.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def begin_unguarded(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction without time limits, outside the pool: for maintenance of whole tables, not for queries."""
    unguarded = create_async_engine(engine.url, poolclass=NullPool)
    try:
        async with unguarded.begin() as conn:
            yield conn
    finally:
        await unguarded.dispose()


async def connect_writer(settings: DatabaseSettings) -> asyncpg.Connection:
    """Open a pinned connection for an event writer. Raises OSError or asyncpg.PostgresError."""
    conn = await asyncpg.connect(
        settings.database_url, server_settings=dict(GUARDS), timeout=5, command_timeout=COMMAND_S
    )
    try:
        await conn.execute(_DURABLE)
    except BaseException:
        conn.terminate()
        raise
    return conn


def note_unretrieved(loop: asyncio.AbstractEventLoop, note: Callable[[], None]) -> None:
    """Call `note` for each lost connection whose exception no one retrieves, instead of logging an error.

    When PostgreSQL or Redis goes away, asyncpg and arq leave a future or a task behind on the loop; the user of the
    connection has got the same fault already. Any other exception is logged as before.
    """

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        is_lost = isinstance(context.get("exception"), _LOST)
        if is_lost and context["message"].endswith(_UNRETRIEVED):
            note()
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
