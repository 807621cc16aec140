"""Refresh the summary views behind teachers' figures: soon after a change, and at regular intervals.

A refresh never runs in another transaction, and readers of the views never wait for it.
"""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import begin_unguarded
from db.queries.analysis import summary_views
from workers import metrics

EVERY_S: Final = 5.0
"""Changes within this time share one refresh."""

MAX_AGE_S: Final = 600.0
"""Older views are refreshed without a known change too: another process may have changed something and ended."""


class SummaryViews:
    """Keeps the summary views fresh. One for a process; any number of processes may run it."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._is_touched = False
        self._refreshed_s = float("-inf")

    def touch(self) -> None:
        """Note that something has changed that the views show."""
        self._is_touched = True

    async def keep_fresh(self) -> None:
        """Refresh the views if they are due. Raises AWAY errors."""
        if self._is_touched or self._clock() - self._refreshed_s > MAX_AGE_S:
            # Changes from now on may be missing in this refresh, so they count for the next one.
            was_touched, self._is_touched = self._is_touched, False
            try:
                await self._refresh()
            except BaseException:
                self._is_touched |= was_touched
                raise
        async with self._engine.connect() as conn:
            metrics.VIEWS_AGE.set(await summary_views.read_age_s(conn) or 0)

    async def _refresh(self) -> None:
        async with begin_unguarded(self._engine) as conn:
            if not await summary_views.try_lock(conn):
                # The process that has the lock may have started before our change.
                self._is_touched = True
                return
            await summary_views.refresh_views(conn)
        self._refreshed_s = self._clock()
