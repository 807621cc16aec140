"""Retention: once a day, delete what is past its time, in small transactions, by one worker at a time.

What is past is decided in `db/retention/times.py`. Every step can be repeated: a run that is killed continues with the
next one. It never deletes data of an attempt that runs or is held, and never waits long for a lock on the events.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import LOCK_NOT_AVAILABLE, sqlstate_of
from db.partitions import partition_of
from db.queries.events.partitions import limit_lock_wait
from db.queries.retention import kept, removal, runs
from db.retention.deletion import delete_all_events, delete_exam
from db.retention.times import (
    DataClass,
    KeptAttempt,
    Times,
    find_droppable,
    find_due,
    find_held,
    find_holds,
    shortest_days,
)
from db.unit import change
from workers import metrics

log = structlog.get_logger(__name__)

EVERY_S: Final = 900.0
"""How often a worker checks whether the daily run is due."""

RUN_EVERY: Final = timedelta(days=1)

PARTITIONS, EVENT_ROWS, ADDRESSES, COMMANDS, EXAMS, HELD = (
    *("partitions", "event_rows", "addresses", "commands", "exams", "held"),
)
"""Names of counts, besides the classes of data."""


class Pace(msgspec.Struct, frozen=True):
    """How much one transaction does, and how often a lock on the events is tried."""

    attempts: int = kept.PAGE
    events: int = kept.EVENTS_AT_ONCE
    lock_tries: int = 20
    lock_pause_s: float = 0.2


class Retention:
    """Deletes data after their time."""

    def __init__(self, engine: AsyncEngine, times: Times, pace: Pace | None = None) -> None:
        self._engine = engine
        self._times = times
        self._pace = pace or Pace()

    async def poll(self) -> None:
        """Run if the last run began a day ago."""
        async with self._engine.connect() as conn:
            is_due = await runs.is_due(conn, RUN_EVERY)
        if is_due:
            await self.run()

    async def run(self) -> dict[str, int] | None:
        """Delete everything that is due; return how much of each kind. None: another process does it now."""
        async with self._engine.connect() as lock:
            await lock.execution_options(isolation_level="AUTOCOMMIT")
            if not await runs.try_lock(lock):
                return None
            try:
                return await self._run()
            finally:
                await runs.unlock(lock)

    async def _run(self) -> dict[str, int]:
        async with self._engine.begin() as conn:
            run_id = await runs.begin_run(conn)
        deleted: Counter[str] = Counter()
        practice = await self._delete_classes(deleted)
        deleted[PARTITIONS] = await self._drop_partitions()
        deleted[EVENT_ROWS] = await self._delete_event_rows()
        deleted[DataClass.PRACTICE] = await self._remove(practice)
        for exam_id in await self._list_exams():
            await delete_exam(self._engine, exam_id)
            deleted[EXAMS] += 1
        async with self._engine.begin() as conn:
            deleted[ADDRESSES] = await runs.delete_addresses(conn, self._times.addresses)
            deleted[COMMANDS] = await runs.delete_commands(conn, self._times.events)
        async with change(self._engine, None) as unit:
            await runs.finish_run(unit.conn, run_id, deleted)
            details = {name: str(count) for name, count in sorted(deleted.items()) if count}
            unit.audit(actor_id=None, action="retention", resource="data", resource_id=run_id, details=details)
        for name, count in deleted.items():
            if name != HELD:
                metrics.RETENTION_DELETED.labels(kind=name).inc(count)
        metrics.RETENTION_HELD.set(deleted[HELD])
        log.info("retention finished", **deleted)
        return dict(deleted)

    async def _delete_classes(self, deleted: Counter[str]) -> list[UUID]:
        """Delete what is due page by page, events only marked. Return the practice attempts that are due."""
        practice: list[UUID] = []
        async for now, page in self._pages():
            due = {attempt.attempt_id: find_due(attempt, self._times, now) for attempt in page}
            deleted[HELD] += sum(1 for attempt in page if find_held(attempt, self._times, now))
            of_kind = {kind: [each for each, kinds in due.items() if kind in kinds] for kind in DataClass}
            async with self._engine.begin() as conn:
                deleted[DataClass.EVENTS] += len(await kept.mark_events_deleted(conn, of_kind[DataClass.EVENTS]))
                for kind in (DataClass.REVIEWS, DataClass.ANSWERS):
                    deleted[kind] += await kept.delete_class(conn, kind, of_kind[kind])
                await kept.mark_events_deleted(conn, of_kind[DataClass.PRACTICE])
            practice += of_kind[DataClass.PRACTICE]
        return practice

    async def _pages(self) -> AsyncIterator[tuple[datetime, list[KeptAttempt]]]:
        after = kept.BEGINNING
        while True:
            async with self._engine.connect() as conn:
                now = await kept.read_now(conn)
                before = now - timedelta(days=shortest_days(self._times))
                page = await kept.list_kept(conn, before=before, after=after, limit=self._pace.attempts)
            if not page:
                return
            yield now, page
            assert page[-1].ended_at is not None
            after = kept.Position(page[-1].ended_at, page[-1].attempt_id)

    async def _drop_partitions(self) -> int:
        async with self._engine.connect() as conn:
            today = (await kept.read_now(conn)).date()
            days = await kept.list_partition_days(conn)
            closed = find_droppable(days, (), today)
            staying = await kept.find_kept_days(conn, [_bounds(day) for day in closed])
        dropped = 0
        for day in find_droppable(days, staying, today):
            dropped += await self._drop_partition(day)
        return dropped

    async def _drop_partition(self, day: date) -> bool:
        """Drop it in a moment in which no one uses the events; False: none came, the next run tries again."""
        for _ in range(self._pace.lock_tries):
            try:
                async with self._engine.begin() as conn:
                    await limit_lock_wait(conn)
                    return await kept.drop_partition(conn, day)
            except DBAPIError as error:
                if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
                    raise
            await asyncio.sleep(self._pace.lock_pause_s)
        log.warning("partition not dropped", day=str(day))
        return False

    async def _delete_event_rows(self) -> int:
        """Delete the events of marked attempts that are in partitions with events of others."""
        total = 0
        while True:
            async with self._engine.connect() as conn:
                left = await kept.list_with_events_left(conn, self._pace.attempts)
            if not left:
                return total
            for attempt_id in left:
                total += await delete_all_events(self._engine, attempt_id, self._pace.events)

    async def _list_exams(self) -> list[UUID]:
        """List exams whose deletion has begun and was not finished."""
        async with self._engine.connect() as conn:
            return await removal.list_exams_to_remove(conn)

    async def _remove(self, attempt_ids: Sequence[UUID]) -> int:
        removed = 0
        for first in range(0, len(attempt_ids), self._pace.attempts):
            async with self._engine.begin() as conn:
                removed += await removal.remove_attempts(conn, attempt_ids[first : first + self._pace.attempts])
        return removed


class PlannedDay(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: how many attempts have streams in it, and how many of these stay, by reason."""

    day: date
    attempts: int
    kept: dict[str, int]
    is_dropped: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do now: attempts by class of data, held attempts by reason, and the partitions."""

    due: dict[str, int]
    held: dict[str, int]
    days: list[PlannedDay]


async def make_plan(conn: AsyncConnection, times: Times) -> Plan:
    """Compute what a run would delete and what is held. Changes nothing."""
    now = await kept.read_now(conn)
    due: Counter[str] = Counter()
    held: Counter[str] = Counter()
    going: set[UUID] = set()
    reasons: dict[UUID, str] = {}
    after = kept.BEGINNING
    before = now - timedelta(days=shortest_days(times))
    while page := await kept.list_kept(conn, before=before, after=after):
        for attempt in page:
            kinds = find_due(attempt, times, now)
            due.update(str(kind) for kind in kinds)
            if {DataClass.EVENTS, DataClass.PRACTICE} & set(kinds):
                going.add(attempt.attempt_id)
            if find_held(attempt, times, now):
                reasons[attempt.attempt_id] = ", ".join(find_holds(attempt, now))
                held[reasons[attempt.attempt_id]] += 1
        assert page[-1].ended_at is not None
        after = kept.Position(page[-1].ended_at, page[-1].attempt_id)
    days = [
        await _plan_day(conn, day, going, reasons)
        for day in find_droppable(await kept.list_partition_days(conn), (), now.date())
    ]
    return Plan(due=dict(due), held=dict(held), days=days)


async def _plan_day(conn: AsyncConnection, day: date, going: set[UUID], reasons: dict[UUID, str]) -> PlannedDay:
    attempts = await kept.list_attempts_of_day(conn, _bounds(day))
    staying = Counter(
        reasons.get(attempt_id, "not past its time")
        for attempt_id, is_marked in attempts.items()
        if not is_marked and attempt_id not in going
    )
    return PlannedDay(day=day, attempts=len(attempts), kept=dict(staying), is_dropped=not staying)


def _bounds(day: date) -> tuple[date, UUID, UUID]:
    partition = partition_of(day)
    return day, partition.lower, partition.upper
