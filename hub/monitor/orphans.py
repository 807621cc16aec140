"""Closes connections that PostgreSQL lists as open at this hub although the hub has no socket for them.

A hello whose COMMIT was never confirmed leaves such a connection, and so does a close that was dropped. A connection by
HTTP requests ends when no request comes. While this hub lives no other process closes them. Closes no socket.
"""

from collections.abc import Collection
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.periodic import Periodic
from db.queries.connections import connections, http_connections
from db.queries.connections.connections import Closing, ConnectionKey
from hub.lease import Lease
from hub.monitor.close_log import PEER_GONE, CloseLog
from hub.monitor.registry import Registry
from hub.tasks import Service

log = structlog.get_logger(__name__)

ORPHANS_S: Final = 30.0
SILENT_S: Final = 3.0
"""How often connections by HTTP requests are checked."""

YOUNG_S: Final = 30.0
"""A younger connection is left open: its hello may not be answered yet, which takes 10 s at most."""


class OrphanCloser(Service):
    """Closes connections that are open in PostgreSQL but neither registered nor in the close log."""

    def __init__(
        self,
        engine: AsyncEngine,
        lease: Lease,
        registry: Registry,
        close_log: CloseLog,
        *,
        orphans_s: float = ORPHANS_S,
        young_s: float = YOUNG_S,
        silent_s: float = SILENT_S,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._registry = registry
        self._close_log = close_log
        self._young_s = young_s
        self._loops = (
            Periodic("silent-connections", silent_s, self.close_silent),
            Periodic("orphaned-connections", orphans_s, self.close_orphans),
        )

    async def close_orphans(self) -> None:
        """Close connections without a socket, once."""
        async with self._engine.begin() as conn:
            found = await connections.list_open_sockets(conn, self._lease.hub_id, older_than_s=self._young_s)
            orphans = [connection for connection in found if not self._is_known(connection)]
            if not orphans:
                return
            await connections.close_connections(conn, _closings(orphans, PEER_GONE))
        log.warning("connections without a socket closed", connections=len(orphans))

    async def close_silent(self) -> None:
        """Close connections by HTTP requests without a recent request, once."""
        async with self._engine.begin() as conn:
            silent = await http_connections.lock_silent(conn, self._lease.hub_id)
            if silent:
                await connections.close_connections(conn, _closings(silent, http_connections.SILENT))

    def _is_known(self, connection: ConnectionKey) -> bool:
        key = connection.attempt_id, connection.generation
        return self._registry.has_socket(*key) or self._close_log.holds(*key)


def _closings(ended: Collection[ConnectionKey], cause: str) -> list[Closing]:
    return [Closing(connection.attempt_id, connection.generation, cause) for connection in ended]
