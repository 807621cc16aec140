"""End attempts whose deadline has passed, as if their students had submitted what they had by then.

An outage never costs a student time: after one, no deadline is enforced for a while. That includes times in which this
process could not reach PostgreSQL, because hubs probably could not either.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY, sqlstate_of
from db.notify import Notifier
from db.queries.attempts import timeouts
from db.queries.attempts.end import EndedAttempt, Ending, end_attempt
from db.queries.events.system_events import ServerEvent
from db.unit import change
from judgement import grading
from judgement.attempts import Action, transition_of
from workers import metrics
from workers.quarantine import Quarantine

log = structlog.get_logger(__name__)

EVERY_S: Final = 1.0
MISSED_S: Final = 10.0
"""After this time without a successful poll, students may have been unable to submit."""

QUARANTINE_S: Final = 30.0
"""How long an attempt that could not be ended is left out."""

PAGE: Final = 200


class TimeoutEnforcer:
    """Ends attempts at their deadline. One for a process; any number of processes may run it."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        clock: Callable[[], float] = time.monotonic,
        *,
        is_available: Callable[[AsyncConnection], Awaitable[bool]] = timeouts.has_been_available,
    ) -> None:
        self._is_available = is_available
        self._engine = engine
        self._notifier = notifier
        self._clock = clock
        self._polled_s = clock()
        self._patient_until_s = float("-inf")
        self._quarantine = Quarantine("timeouts", QUARANTINE_S, clock)

    async def poll(self) -> None:
        """End all attempts whose deadline has passed. Raises AWAY errors."""
        now_s = self._clock()
        if now_s - self._polled_s > MISSED_S:
            self._patient_until_s = now_s + timeouts.PATIENCE_S
        has_more = True
        while has_more:
            overdue = await self._list_overdue(is_patient=now_s < self._patient_until_s)
            self._polled_s = self._clock()
            for attempt_id in overdue:
                await self._time_out(attempt_id)
            has_more = len(overdue) == PAGE

    async def _list_overdue(self, *, is_patient: bool) -> list[UUID]:
        async with self._engine.connect() as conn:
            if not await self._is_available(conn) or is_patient:
                return []
            excluded = self._quarantine.attempts()
            return await timeouts.list_overdue(conn, _TIME_OUT.sources, excluded=excluded, limit=PAGE)

    async def _time_out(self, attempt_id: UUID) -> None:
        """End one attempt in its own transaction. Its student may have submitted meanwhile."""
        try:
            ended = await self._end(attempt_id)
        except Exception as error:
            if isinstance(error, AWAY) and not sqlstate_of(error):
                raise
            # For any other reason, only this attempt has to wait.
            self._quarantine.add(attempt_id, error)
            return
        if ended.changed:
            metrics.TIMED_OUT.inc()

    async def _end(self, attempt_id: UUID) -> EndedAttempt:
        async with change(self._engine, self._notifier) as unit:
            ended = await end_attempt(unit.conn, attempt_id, _ENDING, grading)
            if ended.row is not None:
                unit.feed(ended.exam_id, [ended.row])
            if ended.changed:
                unit.notify_attempts([attempt_id])
                unit.enqueue_analysis([attempt_id])
        return ended


_TIME_OUT: Final = transition_of(Action.TIME_OUT)
_ENDING: Final = Ending(
    sources=_TIME_OUT.sources, target=_TIME_OUT.target, event=ServerEvent("submitted", {"by": "server"})
)
