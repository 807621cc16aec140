"""A hub's lease on life: renewed while the process runs, so that others know when it does not.

A hub that stood still until its lease was ended has been given up: its candidates' connections are closed in the
record. It closes their sockets and lives on under another id; it never goes on as if nothing had happened.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.errors import AWAY
from db.queries.connections import hub_leases
from hub import metrics
from hub.tasks import Background

log = structlog.get_logger(__name__)

RENEW_S = 2.0
RETRY_S = 0.5
"""After a renewal that PostgreSQL did not answer: the sooner it is back, the fewer leases run out."""

RELEASE_S: Final = 2.0
"""How long the last word to PostgreSQL may take; unheard, the lease runs out by itself."""


class Lease(Background):
    """`hub_id` is who this process is now; `on_lost` is called when it is somebody else than before."""

    name = "lease"

    def __init__(self, engine: AsyncEngine, on_lost: Callable[[], None]) -> None:
        self._engine = engine
        self._on_lost = on_lost
        self.hub_id: UUID = uuid7()
        self.is_held = False
        """Whether the lease was ever taken; before that, no connection may be opened in its name."""

    async def __aenter__(self) -> "Lease":
        await self._beat()
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if not self.is_held:
            return
        with suppress(*AWAY):
            async with asyncio.timeout(RELEASE_S), self._engine.begin() as conn:
                await hub_leases.release_lease(conn, self.hub_id)

    async def _run(self) -> None:
        went_well = self.is_held
        while True:
            await asyncio.sleep(RENEW_S if went_well else RETRY_S)
            went_well = await self._beat()

    async def _beat(self) -> bool:
        """Renew the lease, or take one; whether PostgreSQL took it."""
        try:
            lost = self.is_held and not await self._renew()
            if lost or not self.is_held:
                await self._take()
        except AWAY as error:
            log.warning("lease not renewed", error=type(error).__name__)
            return False
        except Exception:
            log.exception("lease not renewed")
            return False
        if lost:
            log.warning("lease lost: this hub was given up, and goes on under another id", hub=str(self.hub_id))
            metrics.LEASES_LOST.inc()
            self._on_lost()
        return True

    async def _renew(self) -> bool:
        async with self._engine.begin() as conn:
            return await hub_leases.renew_lease(conn, self.hub_id)

    async def _take(self) -> None:
        hub_id = uuid7()
        async with self._engine.begin() as conn:
            await hub_leases.take_lease(conn, hub_id)
        self.hub_id, self.is_held = hub_id, True
