from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.fold_order import Run
from db.models import AnalysisCursor, ExamAttempt, MonitoringEvent
from db.queries.evaluation import cursors
from db.queries.evaluation.cursors import Advance, Cursor
from db.queries.events import system_events
from protocol.attempts import AttemptStatus
from protocol.roles import Role
from tests.factories import TIME_BASE_MS, make_attempt, make_exam, make_stream, make_user, store_events

RULEBOOK = 1
SUPPORTED = {RULEBOOK}


async def make_attempts(conn: AsyncConnection, students: int = 1) -> list[UUID]:
    """Attempts of one exam; each has one unfolded event, `attempt_started`."""
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER), policy={"preset": "browser"})
    return [await make_attempt(conn, exam_id, await make_user(conn)) for _ in range(students)]


async def claim_one(conn: AsyncConnection, attempt_id: UUID) -> Cursor:
    [cursor] = await cursors.claim_cursors(conn, [attempt_id], 1, supported=SUPPORTED)
    return cursor


async def fold(
    conn: AsyncConnection,
    attempt_id: UUID,
    checkpoint: bytes | None = None,
    *,
    per_stream: int = cursors.EVENTS_PER_STREAM,
) -> list[tuple[str, int]]:
    """Fold the next events without rules; returns (type, number) in fold order."""
    cursor = await claim_one(conn, attempt_id)
    read = (await cursors.read_events(conn, [cursor], per_stream=per_stream)).events.get(attempt_id, [])
    await cursors.store_cursors(conn, [Advance(cursor, read, checkpoint)])
    return [(event.type, event.seq) for event in read]


async def test_a_claim_has_the_rules_and_the_policy_of_the_attempt(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    stream = await make_stream(conn, attempt)
    cursor = await claim_one(conn, attempt)
    assert cursor.policy == {"preset": "browser"}
    assert (cursor.policy_version, cursor.rulebook_version) == (1, RULEBOOK)
    assert (cursor.facts, cursor.checkpoint_facts, cursor.last_run, cursor.has_ended) == (0, 0, None, False)
    assert [position.kind for position in cursor.streams] == ["system", "client"]
    client = cursor.streams[1]
    assert (client.stream_id, client.time_base, client.position) == (stream, TIME_BASE_MS, 0)


async def test_a_claim_skips_attempts_that_are_locked(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempts = await make_attempts(conn, 2)
    async with engine.begin() as first, engine.begin() as second:
        held = await cursors.claim_cursors(first, attempts, 1, supported=SUPPORTED)
        rest = await cursors.claim_cursors(second, attempts, 10, supported=SUPPORTED)
    assert [[cursor.attempt_id for cursor in found] for found in (held, rest)] == [attempts[:1], attempts[1:]]


async def test_a_claim_keeps_the_requested_order(conn: AsyncConnection) -> None:
    attempts = await make_attempts(conn, 4)
    requested = [attempts[2], attempts[0], attempts[3], attempts[1]]
    found = await cursors.claim_cursors(conn, requested, 3, supported=SUPPORTED)
    assert [cursor.attempt_id for cursor in found] == requested[:3]


async def test_events_carry_rule_time_and_both_clocks(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("paste", {"chars": 130}, 5_000)])
    cursor = await claim_one(conn, attempt)
    read = (await cursors.read_events(conn, [cursor])).events[attempt]
    pasted, started = sorted(read, key=lambda event: event.time_ms)
    assert (pasted.stream_id, pasted.seq, pasted.type, pasted.data) == (stream, 1, "paste", b'{"chars": 130}')
    assert pasted.time_ms == pasted.at_ms == TIME_BASE_MS + 5_000
    assert started.time_ms == started.server_ms
    assert abs(pasted.server_ms - started.server_ms) < 60_000


async def test_folding_stores_position_order_and_count(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    stream = await make_stream(conn, attempt)
    await fold(conn, attempt)
    await store_events(conn, stream, [("alive", {}, 1), ("alive", {}, 2)])
    await fold(conn, attempt)
    await store_events(conn, stream, [("alive", {}, 3)])
    assert await fold(conn, attempt) == [("alive", 3)]
    cursor = await claim_one(conn, attempt)
    system = cursor.streams[0].stream_id
    assert {position.stream_id: position.position for position in cursor.streams} == {system: 1, stream: 3}
    assert cursor.facts == 4
    stored = (await conn.execute(select(AnalysisCursor.fold_order))).scalar_one()
    assert stored == [[str(system), 1, 1], [str(stream), 1, 3]], "the last run goes on"


async def test_a_state_is_stored_only_where_there_is_one(conn: AsyncConnection) -> None:
    attempts = await make_attempts(conn, 2)
    kept, moved = [await claim_one(conn, attempt) for attempt in attempts]
    reading = await cursors.read_events(conn, [kept, moved])
    await cursors.store_cursors(
        conn,
        [
            Advance(kept, reading.events[kept.attempt_id], b"one"),
            Advance(moved, reading.events[moved.attempt_id], None),
        ],
    )
    found = await conn.execute(
        select(AnalysisCursor.state, AnalysisCursor.facts, AnalysisCursor.checkpoint_facts).order_by(
            AnalysisCursor.attempt_id
        )
    )
    assert [tuple(row) for row in found] == [(b"one", 1, 1), (b"", 1, 0)]


async def test_a_claim_has_the_age_of_the_stored_state(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    await conn.execute(
        update(AnalysisCursor).values(checkpointed_at=func.clock_timestamp() - timedelta(seconds=20), facts=5)
    )
    assert (await claim_one(conn, attempt)).checkpoint_age_ms == pytest.approx(20_000, abs=5_000)
    await fold(conn, attempt, b"new")
    cursor = await claim_one(conn, attempt)
    assert cursor.checkpoint_age_ms < 10_000
    assert (cursor.facts, cursor.checkpoint_facts) == (6, 6)


async def test_a_claim_shows_that_an_attempt_has_ended(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    await conn.execute(update(ExamAttempt).values(status=AttemptStatus.SUBMITTED))
    assert (await claim_one(conn, attempt)).has_ended


async def test_an_attempt_of_another_rulebook_is_not_claimed(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    await conn.execute(update(ExamAttempt).values(rulebook_version=2))
    assert await cursors.claim_cursors(conn, [attempt], 1, supported=SUPPORTED) == []
    assert [
        cursor.rulebook_version for cursor in await cursors.claim_cursors(conn, [attempt], 1, supported={1, 2})
    ] == [2]


async def test_system_streams_that_rotated_are_folded_one_after_the_other(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    client = await make_stream(conn, attempt)
    await store_events(conn, client, [("alive", {}, 1)])
    later = await system_events.open_stream(conn, attempt)
    await store_events(conn, later, [("connection_opened", {}, TIME_BASE_MS + 9)])
    await conn.execute(
        update(MonitoringEvent)
        .where(MonitoringEvent.stream_id == later)
        .values(server_timestamp=func.clock_timestamp() + timedelta(seconds=1))
    )
    assert [kind for kind, _ in await fold(conn, attempt)][-1] == "connection_opened"
    cursor = await claim_one(conn, attempt)
    assert [(stream.kind, stream.position) for stream in cursor.streams] == [
        ("system", 1),
        ("client", 1),
        ("system", 1),
    ]
    assert cursor.last_run == Run(later, 1, 1)


async def test_the_fold_order_lists_the_streams_in_the_order_of_folding(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    first, second = await make_stream(conn, attempt), await make_stream(conn, attempt)
    await fold(conn, attempt)
    for stream in (first, second, second, first):
        await store_events(conn, stream, [("alive", {}, 1)])
        await fold(conn, attempt)
    order = (await conn.execute(select(AnalysisCursor.fold_order))).scalar_one()
    assert order[1:] == [[str(first), 1, 1], [str(second), 1, 2], [str(first), 2, 2]]
    assert (await claim_one(conn, attempt)).last_run == Run(first, 2, 2)


async def test_a_hole_stops_only_its_stream_and_is_reported(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    holed, whole = await make_stream(conn, attempt), await make_stream(conn, attempt)
    for stream in (holed, whole):
        await store_events(conn, stream, [("alive", {}, n) for n in range(1, 5)])
    await conn.execute(delete(MonitoringEvent).where(MonitoringEvent.stream_id == holed, MonitoringEvent.seq == 3))
    cursor = await claim_one(conn, attempt)
    reading = await cursors.read_events(conn, [cursor])
    taken = [(event.stream_id, event.seq) for event in reading.events[attempt] if event.type == "alive"]
    assert sorted(taken) == sorted([(holed, 1), (holed, 2), *((whole, n) for n in range(1, 5))])
    assert [(hole.attempt_id, hole.stream_id, hole.seq) for hole in reading.holes] == [(attempt, holed, 3)]


async def test_a_read_is_limited_and_the_next_continues_where_it_stopped(conn: AsyncConnection) -> None:
    [attempt] = await make_attempts(conn)
    await fold(conn, attempt)
    await store_events(conn, await make_stream(conn, attempt), [("alive", {}, n) for n in range(1, 8)])
    folded = [[seq for _, seq in await fold(conn, attempt, per_stream=3)] for _ in range(3)]
    assert folded == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_claim_never_waits(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempts = await make_attempts(conn)
    async with engine.begin() as first, engine.begin() as second:
        await cursors.claim_cursors(first, attempts, 1, supported=SUPPORTED)
        # A claim that waited would raise after lock_timeout.
        assert await cursors.claim_cursors(second, attempts, 1, supported=SUPPORTED) == []
