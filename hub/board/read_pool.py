"""The few database connections that all boards of a hub share. Never writes.

The bound keeps boards from using up the pool that candidates need.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class ReadPool:
    """At most `size` connections of the engine at the same time."""

    def __init__(self, engine: AsyncEngine, size: int = 3) -> None:
        self._engine = engine
        self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._free = asyncio.Semaphore(size)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection for one or two short statements."""
        async with self._free, self._engine.connect() as conn:
            yield conn

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Yield a read-only transaction that sees one state of the database."""
        async with self._free, self._snapshots.begin() as conn:
            yield conn
