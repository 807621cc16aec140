"""Records the results of instructions in PostgreSQL and on the board. No socket waits for it.

A result is tried again while PostgreSQL is away; one that is dropped is counted. Decides nothing about instructions.
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notifier
from db.queries.attempts.start import read_attempt
from db.queries.console import instructions
from db.unit import change
from hub import metrics
from hub.server.log_limit import LogLimit
from hub.tasks import Dropped, RetryQueue, Service
from protocol.backoff import Backoff
from protocol.monitor import Done

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 10_000
WAITING_PER_ATTEMPT: Final = 64
"""More instructions than an attempt ever has at once. A client that sends results of others delays only its own."""

TRIES: Final = 20


class _Result(msgspec.Struct, frozen=True):
    attempt_id: UUID
    done: Done


class InstructionResults(Service):
    """One queue for all candidates of a hub. It is safe to record a result twice."""

    def __init__(self, engine: AsyncEngine, notifier: Notifier, *, waiting_max: int = WAITING_MAX) -> None:
        self._engine = engine
        self._notifier = notifier
        self._waiting: Counter[UUID] = Counter()
        self._log_limit = LogLimit()
        self._queue = RetryQueue[_Result](
            "instruction-results",
            self._record,
            batch=1,
            bound=waiting_max,
            on_drop=self._drop,
            retry=Backoff(0.1, 5.0),
            tries=TRIES,
        )
        self._loops = (self._queue,)

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, attempt_id: UUID, done: Done) -> None:
        """Record a result soon."""
        result = _Result(attempt_id, done)
        if self._waiting[attempt_id] >= WAITING_PER_ATTEMPT:
            self._count_dropped(result, "too_many")
            return
        self._waiting[attempt_id] += 1
        self._queue.put(result)

    async def _record(self, results: Sequence[_Result]) -> None:
        for result in results:
            await self._record_one(result.attempt_id, result.done)
            self._forget(result)

    async def _record_one(self, attempt_id: UUID, done: Done) -> None:
        async with change(self._engine, self._notifier) as unit:
            row = await instructions.record_result(unit.conn, attempt_id, done.id, ok=done.ok, code=done.code)
            if row is not None:
                unit.feed((await read_attempt(unit.conn, attempt_id)).exam_id, [row])

    def _drop(self, results: Sequence[_Result], reason: Dropped) -> None:
        for result in results:
            self._count_dropped(result, reason)
            self._forget(result)

    def _forget(self, result: _Result) -> None:
        self._waiting[result.attempt_id] -= 1
        if self._waiting[result.attempt_id] == 0:
            del self._waiting[result.attempt_id]

    def _count_dropped(self, result: _Result, reason: str) -> None:
        metrics.RESULTS_DROPPED.labels(reason=reason).inc()
        times = self._log_limit.note((result.attempt_id, reason), time.monotonic())
        if times is not None:
            attempt_id, n = str(result.attempt_id), result.done.id
            log.warning("instruction result dropped", attempt_id=attempt_id, n=n, reason=reason, times=times)
