"""What clients made of instructions, on its way to PostgreSQL and the board; no socket waits for it.

Nothing is decided here. An answer that PostgreSQL cannot take now is tried again; one that is dropped is counted.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.notify import Notifier
from db.queries import feed
from db.queries.attempts.start import read_attempt
from db.queries.console import instructions
from hub import metrics
from hub.tasks import Background
from protocol.monitor import Done

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 10_000
WAITING_PER_ATTEMPT: Final = 64
"""More than a class is ever asked at once: a client that answers what nobody asked crowds out its own answers only."""

TRIES: Final = 20
LAST_S: Final = 5.0
"""The longest pause between two tries, and how long answers may still be recorded as the hub ends."""


class InstructionResults(Background):
    """One queue for all candidates of a hub; recording an answer twice does no harm."""

    name = "answers"

    def __init__(self, engine: AsyncEngine, notifier: Notifier) -> None:
        self._engine = engine
        self._notifier = notifier
        self._waiting: asyncio.Queue[tuple[UUID, Done]] = asyncio.Queue(WAITING_MAX)
        self._of_attempt: Counter[UUID] = Counter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._waiting.join()
        await super().__aexit__(kind, error, trace)

    def put(self, attempt_id: UUID, done: Done) -> None:
        """Record an answer, soon."""
        if self._of_attempt[attempt_id] >= WAITING_PER_ATTEMPT:
            self._drop(attempt_id, done, "too_many")
            return
        try:
            self._waiting.put_nowait((attempt_id, done))
        except asyncio.QueueFull:
            self._drop(attempt_id, done, "full")
        else:
            self._of_attempt[attempt_id] += 1

    async def _run(self) -> None:
        while True:
            attempt_id, done = await self._waiting.get()
            try:
                await self._record_at_last(attempt_id, done)
            except Exception:
                log.exception("answer failed")
                self._drop(attempt_id, done, "failed")
            self._forget(attempt_id)
            self._waiting.task_done()

    async def _record_at_last(self, attempt_id: UUID, done: Done) -> None:
        pause_s = 0.1
        for _ in range(TRIES):
            try:
                return await self._record(attempt_id, done)
            except AWAY as error:
                log.warning("answer put off", attempt_id=str(attempt_id), n=done.id, error=type(error).__name__)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_S)
        return self._drop(attempt_id, done, "late")

    async def _record(self, attempt_id: UUID, done: Done) -> None:
        async with self._engine.begin() as conn:
            row = await instructions.record_result(conn, attempt_id, done.id, ok=done.ok, code=done.code)
            if row is None:
                return
            exam_id = (await read_attempt(conn, attempt_id)).exam_id
            await feed.append(conn, exam_id, [row])
        await self._notifier.notify("feed", exam_id)

    def _forget(self, attempt_id: UUID) -> None:
        self._of_attempt[attempt_id] -= 1
        if self._of_attempt[attempt_id] == 0:
            del self._of_attempt[attempt_id]

    def _drop(self, attempt_id: UUID, done: Done, reason: str) -> None:
        metrics.ANSWERS_DROPPED.labels(reason=reason).inc()
        log.warning("answer dropped", attempt_id=str(attempt_id), n=done.id, reason=reason)
