from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import EventStream, ExamAttempt, MonitoringEvent
from db.partitions import first_id
from db.queries.evaluation import cursors, worklist
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_stream, make_user, store_events

SUPPORTED = {1}


async def make_attempts(conn: AsyncConnection, students: int = 1) -> list[UUID]:
    """Attempts of one exam; each has one unfolded event, `attempt_started`."""
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    return [await make_attempt(conn, exam_id, await make_user(conn)) for _ in range(students)]


async def fold(conn: AsyncConnection, attempt_id: UUID) -> None:
    """Move the cursor of an attempt past everything it has."""
    claimed = await cursors.claim_cursors(conn, [attempt_id], 1, supported=SUPPORTED)
    reading = await cursors.read_events(conn, claimed)
    await cursors.store_cursors(conn, [cursors.Advance(claimed[0], reading.events[attempt_id], None)])


async def make_old_stream(conn: AsyncConnection, attempt_id: UUID, days: float) -> None:
    """One stream opened so many days ago, with one event."""
    old = first_id(datetime.now(UTC) - timedelta(days=days))
    stream = await make_stream(conn, attempt_id)
    await conn.execute(update(EventStream).where(EventStream.id == stream).values(id=old))
    await store_events(conn, old, [("alive", {}, 1)])


async def listed(conn: AsyncConnection, days_ago: int = 0) -> list[UUID]:
    found = await worklist.list_unfolded(conn, 100, supported=SUPPORTED, days_ago=days_ago)
    return [unfolded.attempt_id for unfolded in found.waiting]


async def test_a_new_attempt_is_on_the_list_until_it_is_folded(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    assert await listed(conn) == [attempt]
    await fold(conn, attempt)
    assert await listed(conn) == []
    await store_events(conn, await make_stream(conn, attempt), [("alive", {}, 1)])
    assert await listed(conn) == [attempt]


async def test_the_attempt_that_waits_longest_is_first(conn: AsyncConnection) -> None:
    attempts = await make_attempts(conn, 3)
    now = datetime.now(UTC)
    for age, attempt in zip((10, 30, 20), attempts, strict=True):
        stream = await make_stream(conn, attempt)
        await store_events(conn, stream, [("alive", {}, 1)])
        await conn.execute(
            update(MonitoringEvent)
            .where(MonitoringEvent.stream_id == stream)
            .values(server_timestamp=now - timedelta(seconds=age))
        )
    found = (await worklist.list_unfolded(conn, 2, supported=SUPPORTED)).waiting
    assert [unfolded.attempt_id for unfolded in found] == [attempts[1], attempts[2]]
    assert found[0].lag_ms == pytest.approx(30_000, abs=5_000)


async def test_attempts_that_are_stuck_can_be_passed_over(conn: AsyncConnection) -> None:
    first, second = await make_attempts(conn, 2)
    found = await worklist.list_unfolded(conn, 10, supported=SUPPORTED, excluded=[first])
    assert [unfolded.attempt_id for unfolded in found.waiting] == [second]


async def test_another_rulebook_is_left_to_a_worker_that_carries_it_and_counted(conn: AsyncConnection) -> None:
    ours, *theirs = await make_attempts(conn, 4)
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id.in_(theirs)).values(rulebook_version=2))
    found = await worklist.list_unfolded(conn, 1, supported=SUPPORTED)
    assert ([unfolded.attempt_id for unfolded in found.waiting], found.unsupported) == ([ours], 3)
    assert [
        unfolded.attempt_id for unfolded in await worklist.find_unfolded(conn, [ours, *theirs], supported=SUPPORTED)
    ] == [ours]
    assert (await worklist.list_unfolded(conn, 10, supported={1, 2})).unsupported == 0
    await fold(conn, ours)
    found = await worklist.list_unfolded(conn, 1, supported=SUPPORTED)
    assert (found.waiting, found.unsupported) == ([], 3)


async def test_streams_of_older_days_are_read_only_on_request(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    await fold(conn, attempt)
    await make_old_stream(conn, attempt, 5.5)
    assert [days for days in range(9) if await listed(conn, days)] == [5]
    assert len(await worklist.find_unfolded(conn, [attempt], supported=SUPPORTED)) == 1


async def test_every_age_belongs_to_recent_streams_or_to_a_day(conn: AsyncConnection) -> None:
    for age in (0.1, 1.9, 2.1, 2.9, 3.1):
        [attempt] = await make_attempts(conn)
        await fold(conn, attempt)
        await make_old_stream(conn, attempt, age)
        days = [days for days in (0, *range(worklist.STREAM_DAYS, 9)) if attempt in await listed(conn, days)]
        assert days == [0 if age < worklist.STREAM_DAYS else int(age)]


async def test_days_without_streams_are_skipped(conn: AsyncConnection) -> None:
    assert await worklist.find_day_with_streams(conn, 0) is None
    [attempt] = await make_attempts(conn)
    await make_old_stream(conn, attempt, 5.5)
    await make_old_stream(conn, attempt, 40.5)
    days = [await worklist.find_day_with_streams(conn, days_ago) for days_ago in (2, 5, 6, 40, 41)]
    assert days == [5, 5, 40, 40, None]


async def test_of_named_attempts_only_those_with_new_events_are_returned(conn: AsyncConnection) -> None:
    folded, waiting, unnamed = await make_attempts(conn, 3)
    await fold(conn, folded)
    found = await worklist.find_unfolded(conn, [folded, waiting], supported=SUPPORTED)
    assert [unfolded.attempt_id for unfolded in found] == [waiting]
    assert unnamed in await listed(conn)
