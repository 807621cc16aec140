import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.fold_order import Run
from db.models import AnalysisCursor, EventStream, ExamAttempt, MonitoringEvent
from db.partitions import first_id
from db.queries import cursors
from db.queries.cursors import Advance, Cursor
from protocol.people import Role
from tests.factories import TIME_BASE_MS, make_attempt, make_exam, make_stream, make_user, store_events

RULEBOOK = 1


async def make_room(conn: AsyncConnection, students: int = 1) -> list[UUID]:
    """Attempts of one exam; each has one unjudged fact, `attempt_started`."""
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER), policy={"preset": "browser"})
    return [await make_attempt(conn, exam_id, await make_user(conn)) for _ in range(students)]


async def claim_one(conn: AsyncConnection, attempt_id: UUID) -> Cursor:
    [cursor] = await cursors.claim(conn, [attempt_id], 1, rulebook_version=RULEBOOK)
    return cursor


async def fold(conn: AsyncConnection, attempt_id: UUID, state: bytes = b"state") -> list[tuple[str, int]]:
    """Fold whatever comes next without judging it; returns (type, number) in fold order."""
    cursor = await claim_one(conn, attempt_id)
    facts = (await cursors.read_facts(conn, [cursor])).facts.get(attempt_id, [])
    await cursors.store(conn, [Advance(cursor, facts, state)])
    return [(fact.type, fact.seq) for fact in facts]


async def listed(conn: AsyncConnection) -> list[UUID]:
    return [one.attempt_id for one in await cursors.unjudged(conn, 100, rulebook_version=RULEBOOK)]


async def test_a_new_attempt_is_unjudged_until_it_is_folded(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    assert await listed(conn) == [attempt]
    await fold(conn, attempt)
    assert await listed(conn) == []
    await store_events(conn, await make_stream(conn, attempt), [("alive", {}, 1)])
    assert await listed(conn) == [attempt]


async def test_the_longest_waiting_comes_first(conn: AsyncConnection) -> None:
    attempts = await make_room(conn, 3)
    now = datetime.now(UTC)
    for age, attempt in zip((10, 30, 20), attempts, strict=True):
        stream = await make_stream(conn, attempt)
        await store_events(conn, stream, [("alive", {}, 1)])
        await conn.execute(
            update(MonitoringEvent)
            .where(MonitoringEvent.stream_id == stream)
            .values(server_timestamp=now - timedelta(seconds=age))
        )
    found = await cursors.unjudged(conn, 2, rulebook_version=RULEBOOK)
    assert [one.attempt_id for one in found] == [attempts[1], attempts[2]]
    assert found[0].lag_ms == pytest.approx(30_000, abs=5_000)


async def test_attempts_that_are_stuck_can_be_passed_over(conn: AsyncConnection) -> None:
    first, second = await make_room(conn, 2)
    found = await cursors.unjudged(conn, 10, rulebook_version=RULEBOOK, besides=[first])
    assert [one.attempt_id for one in found] == [second]


async def test_another_rulebook_is_left_to_a_worker_that_carries_it(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt).values(rulebook_version=2))
    assert await listed(conn) == []
    assert await cursors.unjudged_among(conn, [attempt], rulebook_version=RULEBOOK) == []
    assert await cursors.claim(conn, [attempt], 1, rulebook_version=RULEBOOK) == []
    assert len(await cursors.claim(conn, [attempt], 1, rulebook_version=2)) == 1


async def test_streams_of_last_week_are_looked_at_only_when_asked_for(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    await fold(conn, attempt)
    old = first_id(datetime.now(UTC) - timedelta(days=5))
    stream = await make_stream(conn, attempt)
    await conn.execute(update(EventStream).where(EventStream.id == stream).values(id=old))
    await store_events(conn, old, [("alive", {}, 1)])
    assert await listed(conn) == []
    assert len(await cursors.unjudged(conn, 10, rulebook_version=RULEBOOK, days=7)) == 1
    assert len(await cursors.unjudged_among(conn, [attempt], rulebook_version=RULEBOOK)) == 1


async def test_of_named_attempts_only_those_with_new_facts_are_returned(conn: AsyncConnection) -> None:
    folded, waiting, unnamed = await make_room(conn, 3)
    await fold(conn, folded)
    found = await cursors.unjudged_among(conn, [folded, waiting], rulebook_version=RULEBOOK)
    assert [one.attempt_id for one in found] == [waiting]
    assert unnamed in await listed(conn)


async def test_a_claim_says_what_the_attempt_is_judged_by(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    stream = await make_stream(conn, attempt)
    cursor = await claim_one(conn, attempt)
    assert cursor.policy == {"preset": "browser"}
    assert (cursor.policy_version, cursor.rulebook_version) == (1, RULEBOOK)
    assert (cursor.state, cursor.facts, cursor.last_run) == (b"", 0, None)
    assert [one.kind for one in cursor.streams] == ["system", "client"]
    client = cursor.streams[1]
    assert (client.stream_id, client.time_base, client.position) == (stream, TIME_BASE_MS, 0)


async def test_a_claim_passes_over_what_another_holds(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempts = await make_room(conn, 2)
    async with engine.begin() as one, engine.begin() as other:
        held = await cursors.claim(one, attempts, 1, rulebook_version=RULEBOOK)
        rest = await cursors.claim(other, attempts, 10, rulebook_version=RULEBOOK)
    assert [[cursor.attempt_id for cursor in found] for found in (held, rest)] == [attempts[:1], attempts[1:]]


async def test_a_claim_keeps_the_order_it_was_asked_in(conn: AsyncConnection) -> None:
    attempts = await make_room(conn, 4)
    asked = [attempts[2], attempts[0], attempts[3], attempts[1]]
    found = await cursors.claim(conn, asked, 3, rulebook_version=RULEBOOK)
    assert [cursor.attempt_id for cursor in found] == asked[:3]


async def test_facts_carry_rule_time_and_both_clocks(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    stream = await make_stream(conn, attempt)
    await store_events(conn, stream, [("paste", {"chars": 130}, 5_000)])
    cursor = await claim_one(conn, attempt)
    facts = (await cursors.read_facts(conn, [cursor])).facts[attempt]
    pasted, started = sorted(facts, key=lambda fact: fact.time_ms)
    assert (pasted.stream_id, pasted.seq, pasted.type, pasted.data) == (stream, 1, "paste", b'{"chars": 130}')
    assert pasted.time_ms == pasted.at_ms == TIME_BASE_MS + 5_000
    assert started.time_ms == started.server_ms
    assert abs(pasted.server_ms - started.server_ms) < 60_000


async def test_folding_stores_position_order_state_and_count(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    stream = await make_stream(conn, attempt)
    await fold(conn, attempt)
    await store_events(conn, stream, [("alive", {}, 1), ("alive", {}, 2)])
    await fold(conn, attempt, b"one")
    await store_events(conn, stream, [("alive", {}, 3)])
    assert await fold(conn, attempt, b"two") == [("alive", 3)]
    cursor = await claim_one(conn, attempt)
    system = cursor.streams[0].stream_id
    assert {one.stream_id: one.position for one in cursor.streams} == {system: 1, stream: 3}
    assert (cursor.state, cursor.facts) == (b"two", 4)
    stored = (await conn.execute(select(AnalysisCursor.fold_order))).scalar_one()
    assert stored == [[str(system), 1, 1], [str(stream), 1, 3]], "the last run goes on"


async def test_fold_order_tells_which_stream_was_folded_when(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    one, other = await make_stream(conn, attempt), await make_stream(conn, attempt)
    await fold(conn, attempt)
    for stream in (one, other, other, one):
        await store_events(conn, stream, [("alive", {}, 1)])
        await fold(conn, attempt)
    order = (await conn.execute(select(AnalysisCursor.fold_order))).scalar_one()
    assert order[1:] == [[str(one), 1, 1], [str(other), 1, 2], [str(one), 2, 2]]
    assert (await claim_one(conn, attempt)).last_run == Run(one, 2, 2)


async def test_a_hole_stops_its_stream_alone_and_is_reported(conn: AsyncConnection) -> None:
    [attempt] = await make_room(conn)
    holed, whole = await make_stream(conn, attempt), await make_stream(conn, attempt)
    for stream in (holed, whole):
        await store_events(conn, stream, [("alive", {}, n) for n in range(1, 5)])
    await conn.execute(delete(MonitoringEvent).where(MonitoringEvent.stream_id == holed, MonitoringEvent.seq == 3))
    cursor = await claim_one(conn, attempt)
    reading = await cursors.read_facts(conn, [cursor])
    taken = [(fact.stream_id, fact.seq) for fact in reading.facts[attempt] if fact.type == "alive"]
    assert sorted(taken) == sorted([(holed, 1), (holed, 2), *((whole, n) for n in range(1, 5))])
    assert [(hole.attempt_id, hole.stream_id, hole.seq) for hole in reading.holes] == [(attempt, holed, 3)]


async def test_a_reading_is_bounded_and_goes_on_where_it_stopped(
    conn: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursors, "FACTS_PER_STREAM", 3)
    [attempt] = await make_room(conn)
    await fold(conn, attempt)
    await store_events(conn, await make_stream(conn, attempt), [("alive", {}, n) for n in range(1, 8)])
    folded = [[seq for _, seq in await fold(conn, attempt)] for _ in range(3)]
    assert folded == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_claim_waits_for_nobody(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempts = await make_room(conn)
    async with engine.begin() as one, engine.begin() as other:
        await cursors.claim(one, attempts, 1, rulebook_version=RULEBOOK)
        async with asyncio.timeout(0.5):
            assert await cursors.claim(other, attempts, 1, rulebook_version=RULEBOOK) == []
