import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import NotFound
from db.models import EventStream, MonitoringEvent
from db.partitions import created_ms
from db.queries.events.system_events import ServerEvent, append_events, append_to_each
from protocol.limits import STREAM_MS
from tests.candidates import Candidate, age_stream, make_candidates, system_events
from tests.locks import until_blocked


async def streams_of(conn: AsyncConnection, candidate: Candidate) -> list[UUID]:
    found = await conn.execute(
        select(EventStream.id).where(EventStream.attempt_id == candidate.attempt_id).order_by(EventStream.id)
    )
    return list(found.scalars())


async def test_system_events_are_numbered_and_have_the_time_of_the_server(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    assert (
        await append_events(conn, candidate.attempt_id, [ServerEvent("paused", {"by": "x"}), ServerEvent("resumed")])
    ).last == 3
    found = await conn.execute(
        select(MonitoringEvent.seq, MonitoringEvent.event_type, MonitoringEvent.mono).order_by(MonitoringEvent.seq)
    )
    rows = found.all()
    assert [row[:2] for row in rows] == [(1, "attempt_started"), (2, "paused"), (3, "resumed")]
    assert rows[0].mono <= rows[1].mono == rows[2].mono


async def test_events_of_many_attempts_are_appended_at_once(conn: AsyncConnection) -> None:
    candidates = await make_candidates(conn, 3)
    stored_events = {candidate.attempt_id: [ServerEvent("paused", {"n": n})] for n, candidate in enumerate(candidates)}
    assert {appended.last for appended in (await append_to_each(conn, stored_events)).values()} == {2}
    for n, candidate in enumerate(candidates):
        assert (await system_events(conn, candidate.attempt_id))[-1] == ("paused", {"n": n})
    assert await append_to_each(conn, {}) == {}


async def test_an_unknown_attempt_is_not_found(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    with pytest.raises(NotFound):
        await append_to_each(conn, {candidate.attempt_id: [ServerEvent("paused")], uuid4(): [ServerEvent("paused")]})


async def test_a_system_stream_is_followed_by_a_new_one_after_a_day(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    [first] = await streams_of(conn, candidate)
    first = await age_stream(conn, first, STREAM_MS - 60_000)
    await append_events(conn, candidate.attempt_id, [ServerEvent("paused")])
    assert await streams_of(conn, candidate) == [first]
    old = await age_stream(conn, first, 60_001)
    assert (await append_events(conn, candidate.attempt_id, [ServerEvent("resumed")])).last == 1
    before, after = await streams_of(conn, candidate)
    assert (before, created_ms(after) - created_ms(before) >= STREAM_MS) == (old, True)
    assert [event for event, _ in await system_events(conn, candidate.attempt_id)] == [
        "attempt_started",
        "paused",
        "resumed",
    ]
    assert (await append_events(conn, candidate.attempt_id, [ServerEvent("paused")])).last == 2


async def test_an_append_that_waited_for_the_old_stream_goes_to_the_new_one(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        [first] = await streams_of(conn, candidate)
        await age_stream(conn, first, STREAM_MS)
    async with engine.connect() as rotating, engine.connect() as waiting:
        await append_events(rotating, candidate.attempt_id, [ServerEvent("paused")])
        waiter = asyncio.create_task(append_events(waiting, candidate.attempt_id, [ServerEvent("resumed")]))
        await until_blocked(engine)
        await rotating.commit()
        assert (await waiter).last == 2
        await waiting.commit()
    async with engine.connect() as conn:
        assert len(await streams_of(conn, candidate)) == 2


async def test_appending_from_many_sides_leaves_no_hole(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 3)
    stored_events = {candidate.attempt_id: [ServerEvent("paused"), ServerEvent("resumed")] for candidate in candidates}

    async def state(turn: int) -> None:
        async with engine.begin() as conn:
            await append_to_each(conn, dict(list(stored_events.items())[:: 1 if turn % 2 else -1]))

    await asyncio.gather(*(state(turn) for turn in range(8)))
    async with engine.connect() as conn:
        for candidate in candidates:
            [stream] = await streams_of(conn, candidate)
            found = await conn.execute(select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == stream))
            assert sorted(found.scalars()) == list(range(1, 18))
