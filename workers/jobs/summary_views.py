"""Keep the summaries behind teachers' figures: soon after a change those of its exam and student, rarely all of them.

A trigger notes what has changed, so a change of any process counts, and one that is missed is not lost. An update never
runs in another transaction, and readers of the summaries never wait for it.
"""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import begin_unguarded
from db.queries.analysis import summary_views
from workers import metrics

EVERY_S: Final = 5.0
"""Changes within this time share one update."""

REBUILT_S: Final = 24 * 3600.0
"""All summaries are added up again this often, for what no trigger sees, such as a restored table."""


class SummaryViews:
    """Keeps the summaries fresh. One for a process; any number of processes may run it."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._rebuilt_s = clock()

    async def keep_fresh(self) -> None:
        """Update the summaries of what has changed. Raises AWAY errors."""
        if self._clock() - self._rebuilt_s > REBUILT_S:
            await self._rebuild()
        while await self._update() == summary_views.CHANGES_AT_ONCE:
            pass
        async with self._engine.connect() as conn:
            metrics.VIEWS_AGE.set(await summary_views.read_age_s(conn) or 0)

    async def _update(self) -> int:
        """Take some changes in one transaction; return how many: 0 while another process has the lock."""
        async with self._engine.begin() as conn:
            if not await summary_views.try_lock(conn):
                return 0
            changes = await summary_views.update_summaries(conn)
            await summary_views.merge_counts(conn)
        return changes

    async def _rebuild(self) -> None:
        async with begin_unguarded(self._engine) as conn:
            # Another process that has the lock keeps the changes; the rebuild is due again then.
            if not await summary_views.try_lock(conn):
                return
            await summary_views.rebuild_summaries(conn)
        self._rebuilt_s = self._clock()
