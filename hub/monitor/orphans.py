"""Connections that PostgreSQL holds open in this hub's name although nobody is there any more, closed now and then.

A hello whose COMMIT was never confirmed leaves one without a socket, and so does an end that was dropped; one that is
no socket but requests ends when none come. While this hub lives nobody else would state it. No socket is closed here.
"""

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.queries.connections import connections, http_connections
from db.queries.connections.connections import Closing, ConnectionKey
from hub.lease import Lease
from hub.monitor.close_log import CloseLog
from hub.monitor.registry import Registry
from hub.tasks import Background

log = structlog.get_logger(__name__)

SWEEP_S = 30.0
SILENT_S = 3.0
"""How often it is asked of which requests nothing is heard any more."""

YOUNG_S = 30.0
"""A connection as young as this may be one whose hello is just being answered; that takes 10 s at most."""

CAUSE: Final = "gone"


class OrphanCloser(Background):
    """What is open in the record and is neither on the roll nor about to be closed ends here."""

    name = "sweep"

    def __init__(self, engine: AsyncEngine, lease: Lease, registry: Registry, close_log: CloseLog) -> None:
        self._engine = engine
        self._lease = lease
        self._registry = registry
        self._close_log = close_log

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        due_s = clock() + SWEEP_S
        while True:
            await asyncio.sleep(min(SILENT_S, SWEEP_S))
            try:
                await self._close_silent()
                if clock() >= due_s:
                    due_s = clock() + SWEEP_S
                    await self._sweep()
            except AWAY as error:
                log.warning("connections not swept", error=type(error).__name__)
            except Exception:
                log.exception("connections not swept")

    async def _sweep(self) -> None:
        async with self._engine.begin() as conn:
            listed = await connections.list_open_sockets(conn, self._lease.hub_id, older_than_s=YOUNG_S)
            left = [one for one in listed if not self._is_known(one)]
            if not left:
                return
            await connections.close_connections(conn, [Closing(one.attempt_id, one.generation, CAUSE) for one in left])
        log.warning("connections without a socket closed", connections=len(left))

    async def _close_silent(self) -> None:
        async with self._engine.begin() as conn:
            silent = await http_connections.lock_silent(conn, self._lease.hub_id)
            if silent:
                ends = [Closing(one.attempt_id, one.generation, http_connections.SILENT) for one in silent]
                await connections.close_connections(conn, ends)

    def _is_known(self, one: ConnectionKey) -> bool:
        return self._registry.holds(one.attempt_id, one.generation) or self._close_log.holds(
            one.attempt_id, one.generation
        )
