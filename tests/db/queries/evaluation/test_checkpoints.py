from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.fold_order import Run
from db.models import AnalysisCursor, MonitoringEvent
from db.queries.evaluation import checkpoints, cursors
from db.queries.evaluation.cursors import Advance, Cursor
from protocol.events import StoredEvent
from protocol.roles import Role
from tests.factories import TIME_BASE_MS, make_attempt, make_exam, make_stream, make_user, store_events

SUPPORTED = {1}


@pytest.fixture
async def attempt(conn: AsyncConnection) -> UUID:
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER), policy={"preset": "camera"})
    return await make_attempt(conn, exam_id, await make_user(conn))


async def claim(conn: AsyncConnection, attempt_id: UUID) -> Cursor:
    [cursor] = await cursors.claim_cursors(conn, [attempt_id], 1, supported=SUPPORTED)
    return cursor


async def fold(conn: AsyncConnection, attempt_id: UUID, checkpoint: bytes | None = None) -> list[StoredEvent]:
    cursor = await claim(conn, attempt_id)
    stored_events = (await cursors.read_events(conn, [cursor])).events[attempt_id]
    await cursors.store_cursors(conn, [Advance(cursor, stored_events, checkpoint)])
    return stored_events


async def recall(conn: AsyncConnection, attempt_id: UUID) -> checkpoints.Checkpoint:
    return (await checkpoints.read_checkpoints(conn, [await claim(conn, attempt_id)]))[attempt_id]


async def test_events_after_a_checkpoint_are_read_in_their_order(conn: AsyncConnection, attempt: UUID) -> None:
    first, second = await make_stream(conn, attempt), await make_stream(conn, attempt)
    await store_events(conn, first, [("alive", {}, 1), ("alive", {}, 2)])
    await fold(conn, attempt, b"state")
    after: list[StoredEvent] = []
    for stream in (first, second, second, first, first, second):
        await store_events(conn, stream, [("typing", {"chars": 3}, 5), ("alive", {}, 6)])
        after += await fold(conn, attempt)
    assert await recall(conn, attempt) == checkpoints.Checkpoint(b"state", after)


async def test_the_last_run_may_have_begun_before_the_checkpoint(conn: AsyncConnection, attempt: UUID) -> None:
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("alive", {}, 1)])
    await fold(conn, attempt, b"state")
    await store_events(conn, stream, [("alive", {}, 2)])
    after = await fold(conn, attempt)
    assert await recall(conn, attempt) == checkpoints.Checkpoint(b"state", after)


async def test_numbers_that_were_lost_are_not_counted_as_events(conn: AsyncConnection, attempt: UUID) -> None:
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("alive", {}, 1)])
    await fold(conn, attempt, b"state")
    await store_events(conn, stream, [("alive", {}, n) for n in range(2, 8)])
    await conn.execute(
        delete(MonitoringEvent).where(MonitoringEvent.stream_id == stream, MonitoringEvent.seq.between(2, 5))
    )
    lost = MonitoringEvent.stream_id == stream, MonitoringEvent.seq == 6
    await conn.execute(
        update(MonitoringEvent)
        .where(*lost)
        .values(event_type="events_lost", data_payload={"from": 2, "reason": "overflow"})
    )
    after = await fold(conn, attempt)
    assert [event.seq for event in after] == [6, 7]
    assert await recall(conn, attempt) == checkpoints.Checkpoint(b"state", after)


async def test_without_later_events_a_checkpoint_is_only_its_state(conn: AsyncConnection, attempt: UUID) -> None:
    await fold(conn, attempt, b"state")
    assert await recall(conn, attempt) == checkpoints.Checkpoint(b"state", [])


async def test_before_the_first_checkpoint_everything_is_recalled(conn: AsyncConnection, attempt: UUID) -> None:
    stored_events = await fold(conn, attempt)
    assert await recall(conn, attempt) == checkpoints.Checkpoint(b"", stored_events)


async def test_deleted_events_are_missing_after_a_checkpoint(conn: AsyncConnection, attempt: UUID) -> None:
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("alive", {}, 1), ("alive", {}, 2)])
    await fold(conn, attempt)
    await conn.execute(delete(MonitoringEvent).where(MonitoringEvent.stream_id == stream, MonitoringEvent.seq == 1))
    assert len((await recall(conn, attempt)).events) == 2


async def test_without_attempts_no_checkpoint_is_read(conn: AsyncConnection) -> None:
    assert await checkpoints.read_checkpoints(conn, []) == {}


async def test_attempts_are_listed_page_by_page_as_they_were_folded(conn: AsyncConnection, attempt: UUID) -> None:
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    other = await make_attempt(conn, exam_id, await make_user(conn))
    await fold(conn, attempt)
    system = (await claim(conn, attempt)).streams[0].stream_id
    [first] = await checkpoints.list_folded(conn, None, 1)
    assert (first.attempt_id, first.rulebook_version, first.policy_version) == (attempt, 1, 1)
    assert (first.policy, first.integrity, first.facts) == ({"preset": "camera"}, None, 1)
    assert (first.positions, first.fold_order) == ({system: 1}, [Run(system, 1, 1)])
    [second] = await checkpoints.list_folded(conn, first.attempt_id, 9)
    assert (second.attempt_id, second.facts, second.fold_order) == (other, 0, [])
    assert await checkpoints.list_folded(conn, other, 9) == []


async def test_runs_are_read_one_after_the_other(conn: AsyncConnection, attempt: UUID) -> None:
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("alive", {}, n) for n in range(1, 5)])
    system = (await claim(conn, attempt)).streams[0].stream_id
    bases = (await checkpoints.read_streams(conn, [attempt]))[attempt]
    assert bases == {system: 0, stream: TIME_BASE_MS}
    stored_events = await checkpoints.read_runs(
        conn, [Run(stream, 1, 2), Run(system, 1, 1), Run(stream, 3, 9)], bases, 5
    )
    assert [(event.stream_id, event.seq) for event in stored_events] == [
        (stream, 1),
        (stream, 2),
        (system, 1),
        (stream, 3),
        (stream, 4),
    ]
    assert stored_events[0].time_ms == TIME_BASE_MS + 1
    stored = await conn.execute(select(AnalysisCursor.facts))
    assert stored.scalar_one() == 0, "reading moves nothing"
