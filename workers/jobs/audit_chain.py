"""Seals the audit log every few seconds, and writes the newest link into the log once a day.

A link in a log file outside the database shows later that the audit log was not rewritten. Never changes a row.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries import audit_chain

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
EVERYTHING_EVERY_S: Final = 3600.0
"""How often rows of any age without a link are searched for, not only those of the last minutes."""


class AuditSealer:
    """Appends links and anchors. One for a process; any number of processes may run it."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._searched_s = float("-inf")

    async def seal(self) -> None:
        """Seal what is new, and anchor the day. Raises AWAY errors."""
        is_everything = self._clock() - self._searched_s >= EVERYTHING_EVERY_S
        sealed = audit_chain.SEALED_AT_ONCE
        while sealed == audit_chain.SEALED_AT_ONCE:
            async with self._engine.begin() as conn:
                if not await audit_chain.try_lock(conn):
                    return
                sealed = await audit_chain.seal(conn, everything=is_everything)
        if is_everything:
            self._searched_s = self._clock()
        async with self._engine.begin() as conn:
            anchored = await audit_chain.anchor_day(conn) if await audit_chain.try_lock(conn) else None
        if anchored is not None:
            day, anchor = anchored
            log.info("audit anchor", day=day.isoformat(), n=anchor.n, hash=anchor.hash.hex(), anchor=str(anchor))
