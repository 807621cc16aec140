"""Time-outs: attempts whose deadline is over end, as if their students had handed in what they had by then.

Thin: look, end, tell. An outage is never the student's time: after one nobody's deadline is enforced for a while, and
while PostgreSQL did not answer us it answered nobody.
"""

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY, sqlstate_of
from db.notify import Notifier
from db.queries import feed
from db.queries.attempts import timeouts
from db.queries.attempts.end import EndedAttempt, Ending, end_attempt
from db.queries.events.system_events import ServerEvent
from judgement import grading
from judgement.attempts import Action, transition_of
from workers import metrics

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
MISSED_S: Final = 10.0
"""After so long without a look that went well, nobody may have been able to hand in."""

ASIDE_S: Final = 30.0
"""An attempt that could not be ended is tried again after so long, and holds up nobody meanwhile."""

LISTED: Final = 200


class Timekeeper:
    """Calls time over; one for a process, and any number of processes."""

    def __init__(self, engine: AsyncEngine, notifier: Notifier, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._notifier = notifier
        self._clock = clock
        self._looked_s = clock()
        self._patient_until_s = float("-inf")
        self._aside: dict[UUID, float] = {}

    async def look(self) -> None:
        """End whatever is over. Raises what PostgreSQL's absence raises."""
        now_s = self._clock()
        if now_s - self._looked_s > MISSED_S:
            self._patient_until_s = now_s + timeouts.PATIENCE_S
        self._aside = {attempt_id: until_s for attempt_id, until_s in self._aside.items() if until_s > now_s}
        more = True
        while more:
            due = await self._find_due(is_patient=now_s < self._patient_until_s)
            self._looked_s = self._clock()
            for attempt_id in due:
                await self._time_out(attempt_id)
            more = len(due) == LISTED

    async def _find_due(self, *, is_patient: bool) -> list[UUID]:
        async with self._engine.connect() as conn:
            if not await timeouts.has_been_available(conn) or is_patient:
                return []
            return await timeouts.list_overdue(conn, _WAY.sources, besides=self._aside, limit=LISTED)

    async def _time_out(self, attempt_id: UUID) -> None:
        """End one attempt in a transaction of its own; its student may have been quicker."""
        try:
            ended = await self._end(attempt_id)
        except Exception as error:
            if isinstance(error, AWAY) and not sqlstate_of(error):
                raise
            self._set_aside(attempt_id, error)
            return
        if ended.changed:
            metrics.TIMED_OUT.inc()
            await self._notifier.notify("feed", ended.exam_id)
            await self._notifier.notify("attempt", attempt_id)
            await self._notifier.enqueue_analyse([attempt_id])

    def _set_aside(self, attempt_id: UUID, error: Exception) -> None:
        """Whatever is the matter with this one, the others' time is over all the same."""
        self._aside[attempt_id] = self._clock() + ASIDE_S
        # An error's text may quote a student's data.
        log.error(
            "attempt not timed out",
            attempt_id=str(attempt_id),
            error=type(error).__name__,
            sqlstate=sqlstate_of(error) or None,
        )

    async def _end(self, attempt_id: UUID) -> EndedAttempt:
        async with self._engine.begin() as conn:
            ended = await end_attempt(conn, attempt_id, _ENDING, grading)
            if ended.row is not None:
                await feed.append(conn, ended.exam_id, [ended.row])
        return ended


_WAY: Final = transition_of(Action.TIME_OUT)
_ENDING: Final = Ending(sources=_WAY.sources, target=_WAY.target, event=ServerEvent("submitted", {"by": "server"}))
