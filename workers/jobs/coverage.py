"""Compute the scores of silent students again: without events nothing is folded, and their coverage falls all the time.

It writes only what changes on a board, so a silent attempt is written at most ten times. It records no events and
raises no flags.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notifier
from db.queries.evaluation import scores, worklist
from db.queries.evaluation.scores import SilentAttempt
from db.unit import change
from judgement.observation.clock import FLOW_MS
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.coverage import measure_coverage
from judgement.score.scoring import score_attempt

EVERY_S: Final = 15.0

SILENT_S: Final = FLOW_MS / 1000
"""An attempt with younger events is observed now."""

PAGE: Final = 1_000
"""How many attempts are read at a time."""

BATCH: Final = 100
"""How many attempts are locked at a time: their folds wait for it."""


class CoverageUpdater:
    """Keeps the shown coverage of silent attempts up to date. Any number of processes may run it."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
        *,
        silent_s: float = SILENT_S,
        page: int = PAGE,
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._score = partial(score_attempt, rulebooks=rulebooks)
        self._supported = frozenset(rulebooks)
        self._silent_s = silent_s
        self._page = page

    async def poll(self) -> None:
        """Update the scores of all silent attempts whose coverage changes on a board. Raises AWAY errors."""
        after: UUID | None = None
        while True:
            async with self._engine.connect() as conn:
                silent = await scores.list_silent_attempts(
                    conn, self._silent_s, after, self._page, supported=self._supported
                )
            if not silent:
                return
            after = silent[-1].attempt_id
            changed = await self._find_changed(silent)
            for start in range(0, len(changed), BATCH):
                await self._rescore(changed[start : start + BATCH])

    async def _find_changed(self, silent: Sequence[SilentAttempt]) -> list[SilentAttempt]:
        """Find the attempts whose shown coverage is another one now. Those with waiting events are left to the fold."""
        ids = [attempt.attempt_id for attempt in silent]
        async with self._engine.connect() as conn:
            observed = await scores.read_observations(conn, ids)
            changed = [
                attempt
                for attempt in silent
                if scores.to_tenths(measure_coverage(observed[attempt.attempt_id]))
                != scores.to_tenths(attempt.coverage)
            ]
            waiting = await worklist.find_unfolded(
                conn, [attempt.attempt_id for attempt in changed], supported=self._supported
            )
        unfolded = {attempt.attempt_id for attempt in waiting}
        return [attempt for attempt in changed if attempt.attempt_id not in unfolded]

    async def _rescore(self, attempts: Sequence[SilentAttempt]) -> None:
        exams = {attempt.attempt_id: attempt.exam_id for attempt in attempts}
        async with change(self._engine, self._notifier) as unit:
            for row in await scores.rescore_all(unit.conn, list(exams), self._score):
                unit.feed(exams[row.attempt_id], [row])
