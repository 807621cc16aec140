"""Stage 6 of 9, without Redis: fold all attempts with waiting events that no job has named (docs/evaluation.md).

It never delays the students of today because of an old backlog.
"""

import math
import time
from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.evaluation import worklist
from workers import metrics
from workers.jobs.evaluate import Evaluator

PAGE: Final = 5_000
"""The most attempts that are read from the work list at a time."""

MIN_LAG_MS: Final = 500
"""Younger events are left to the jobs that name their attempts."""

RECENT_S: Final = 5.0
"""How long one sweep may work on recent streams. Then it continues with older days and quarantined attempts."""


class Sweep:
    """Searches the work list for attempts to fold, the longest waiting first. One for a process."""

    def __init__(
        self,
        engine: AsyncEngine,
        evaluator: Evaluator,
        *,
        page: int = PAGE,
        min_lag_ms: int = MIN_LAG_MS,
        recent_s: float = RECENT_S,
    ) -> None:
        self._engine = engine
        self._evaluator = evaluator
        self._page = page
        self._min_lag_ms = min_lag_ms
        self._recent_s = recent_s
        self._older_day = worklist.STREAM_DAYS
        self._unsupported: dict[int, int] = {}

    async def run(self) -> None:
        """Fold recent attempts that wait longer than a job takes, then the attempts of one older day.

        Each run takes another older day, so every stream is checked in the end. Raises AWAY errors.
        """
        stuck = self._evaluator.quarantined()
        lag_ms = await self._sweep_recent(stuck)
        await self._sweep_older(stuck, lag_ms)
        metrics.UNSUPPORTED.set(sum(self._unsupported.values()))

    async def _sweep_recent(self, stuck: set[UUID]) -> int:
        """Fold all recent attempts except `stuck` ones, for a while. Return the longest lag in ms."""
        until_s = time.monotonic() + self._recent_s
        longest_ms = 0
        is_over = False
        while True:
            found = await self._list(0, stuck)
            longest_ms = max(longest_ms, found[0].lag_ms if found else 0)
            metrics.LAG.set(longest_ms / 1000)
            late = [attempt.attempt_id for attempt in found if attempt.lag_ms >= self._min_lag_ms]
            if not late or self._evaluator.is_finishing or is_over:
                return longest_ms
            outcome = await self._evaluator.fold_once(late)
            stuck |= set(late) - outcome.folded
            is_over = time.monotonic() > until_s

    async def _sweep_older(self, stuck: set[UUID], lag_ms: int) -> None:
        """Fold the longest waiting attempts of one day's streams. Go on to the day before when none is left."""
        async with self._engine.connect() as conn:
            day = await worklist.find_day_with_streams(conn, self._older_day)
        # The days that were skipped have no streams any more. Attempts counted there are older now and counted again.
        end = math.inf if day is None else day
        self._unsupported = {ago: many for ago, many in self._unsupported.items() if not self._older_day <= ago < end}
        if day is None:
            self._older_day = worklist.STREAM_DAYS
            return
        found = await self._list(day, stuck)
        metrics.LAG.set(max(lag_ms, *(attempt.lag_ms for attempt in found[:1]), 0) / 1000)
        outcome = await self._evaluator.fold_once([attempt.attempt_id for attempt in found])
        self._older_day = day if outcome.folded else day + 1

    async def _list(self, days_ago: int, excluded: Collection[UUID]) -> list[worklist.UnfoldedAttempt]:
        async with self._engine.connect() as conn:
            found = await worklist.list_unfolded(
                conn, self._page, supported=self._evaluator.supported, excluded=excluded, days_ago=days_ago
            )
        self._unsupported[days_ago] = found.unsupported
        return found.waiting
