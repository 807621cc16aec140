"""The views teachers' figures are read from, made anew soon after something in them changed, and now and then anyway.

Never inside another's transaction, and nobody who reads them waits.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import begin_unguarded
from db.queries.analysis import summary_views
from workers import metrics

log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
"""Changes that come within so long of one another are one refresh."""

OLD_S: Final = 600.0
"""Older views are made anew even when this process changed nothing: another one may have, and died."""


class Views:
    """Keeps the views fresh; one for a process, and any number of processes."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._is_touched = False
        self._refreshed_s = float("-inf")

    def touch(self) -> None:
        """Say that something changed which the views show."""
        self._is_touched = True

    async def keep_fresh(self) -> None:
        """Make the views anew if they are due. Raises what PostgreSQL's absence raises."""
        if self._is_touched or self._clock() - self._refreshed_s > OLD_S:
            # What changes from here on may be in these views or not: then it is the next ones' turn.
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
                # Whoever has the turn may have begun before our change.
                self._is_touched = True
                return
            await summary_views.refresh_views(conn)
        self._refreshed_s = self._clock()
