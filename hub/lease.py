"""The hub's lease in PostgreSQL: renewed while the process runs, so that other processes notice when it is gone.

When the lease has ended (the hub was frozen for too long), the workers have closed its candidates' connections. The hub
then takes a new lease under a new id and closes its sockets; it never continues under the old id.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.errors import AWAY
from db.periodic import Periodic
from db.queries.connections import hub_leases
from hub import metrics
from hub.tasks import Service
from protocol.backoff import Backoff

log = structlog.get_logger(__name__)

RENEW_S: Final = 2.0
RETRY_S: Final = 0.5
"""After a failure: the sooner PostgreSQL is reached, the fewer leases run out."""

RELEASE_S: Final = 2.0
"""How long the release at the end may take; without it, the lease runs out by itself."""


class Lease(Service):
    """The lease of this process under its current `hub_id`. `on_lost` is called after the id has changed."""

    def __init__(
        self,
        engine: AsyncEngine,
        on_lost: Callable[[], None],
        *,
        renew_s: float = RENEW_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._engine = engine
        self._on_lost = on_lost
        self.hub_id: UUID = uuid7()
        self.is_held = False
        """Whether a lease was ever taken; before that, no connection may be opened at this hub."""
        self._loop = Periodic("lease", renew_s, self.renew, retry=Backoff(retry_s, retry_s))
        self._loops = (self._loop,)

    async def __aenter__(self) -> Self:
        with suppress(Exception):
            await self.renew()
        if not self.is_held:
            self._loop.wake()  # it tries again at once, and logs why that fails
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

    async def renew(self) -> None:
        """Renew the lease, or take a new one. Raises the errors of `AWAY`."""
        is_lost = self.is_held and not await self._renew()
        if is_lost or not self.is_held:
            await self._take()
        if is_lost:
            log.warning("lease lost: this hub continues under a new id", hub=str(self.hub_id))
            metrics.LEASES_LOST.inc()
            self._on_lost()

    async def _renew(self) -> bool:
        async with self._engine.begin() as conn:
            return await hub_leases.renew_lease(conn, self.hub_id)

    async def _take(self) -> None:
        hub_id = uuid7()
        async with self._engine.begin() as conn:
            await hub_leases.take_lease(conn, hub_id)
        self.hub_id, self.is_held = hub_id, True
