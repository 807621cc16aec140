"""The list of attempts with data, and the deletions, which check holds for themselves."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.partitions import partition_of
from db.queries.retention import holds, kept
from db.retention.times import DataClass
from protocol.attempts import AttemptStatus, ExamKind
from tests.workers.history import EVENTS, History


@pytest.fixture
async def history(engine: AsyncEngine) -> History:
    return await History(engine).open()


async def test_attempts_are_listed_by_their_end_with_what_holds_them(engine: AsyncEngine, history: History) -> None:
    newer = await history.add(91, flag="open")
    older = await history.add(100, final_days_ago=95, kind=ExamKind.PRACTICE)
    async with engine.begin() as conn:
        await holds.place_hold(conn, newer.attempt_id, placed_by=None, reason="x", until=None)
        now = await kept.read_now(conn)
        first = await kept.list_kept(conn, before=now, limit=1)
        assert first[0].ended_at is not None
        position = kept.Position(first[0].ended_at, first[0].attempt_id)
        second = await kept.list_kept(conn, before=now, after=position)
        assert await kept.list_kept(conn, before=now - timedelta(days=200)) == []
    assert [attempt.attempt_id for attempt in first] == [older.attempt_id]
    assert (first[0].kind, first[0].undecided, first[0].final_at is None) == (ExamKind.PRACTICE, 0, False)
    assert [attempt.attempt_id for attempt in second] == [newer.attempt_id]
    assert (second[0].undecided, second[0].held_until, second[0].status) == (1, (None,), AttemptStatus.SUBMITTED)


async def test_a_hold_that_came_in_between_keeps_the_data(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(400)
    async with engine.begin() as conn:
        await holds.place_hold(conn, attempt.attempt_id, placed_by=None, reason="x", until=None)
        assert await kept.mark_events_deleted(conn, [attempt.attempt_id]) == []
        assert await kept.delete_class(conn, DataClass.REVIEWS, [attempt.attempt_id]) == 0
        assert await kept.delete_class(conn, DataClass.ANSWERS, [attempt.attempt_id]) == 0


async def test_what_is_deleted_is_known_as_gone(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(200)
    async with engine.begin() as conn:
        await kept.mark_events_deleted(conn, [attempt.attempt_id])
        assert await kept.list_with_events_left(conn) == [attempt.attempt_id]
        assert await kept.delete_events(conn, attempt.attempt_id) == EVENTS
        assert await kept.list_with_events_left(conn) == []
        assert await kept.delete_class(conn, DataClass.REVIEWS, [attempt.attempt_id]) == 1
        listed = await kept.list_kept(conn, before=await kept.read_now(conn))
    assert listed[0].gone == {DataClass.EVENTS, DataClass.REVIEWS}


async def test_a_day_stays_while_an_attempt_needs_it(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(100)
    partition = partition_of(attempt.day)
    bounds = (attempt.day, partition.lower, partition.upper)
    async with engine.begin() as conn:
        assert attempt.day in await kept.list_partition_days(conn)
        assert await kept.find_kept_days(conn, [bounds]) == [attempt.day]
        assert await kept.list_attempts_of_day(conn, bounds) == {attempt.attempt_id: False}
        await kept.mark_events_deleted(conn, [attempt.attempt_id])
        assert await kept.find_kept_days(conn, [bounds]) == []
        assert await kept.drop_partition(conn, attempt.day)
        assert not await kept.drop_partition(conn, attempt.day)


def test_the_list_begins_before_all_attempts() -> None:
    assert kept.BEGINNING.ended_at < datetime(2000, 1, 1, tzinfo=UTC)
    assert msgspec.structs.asdict(kept.BEGINNING)["attempt_id"].int == 0
