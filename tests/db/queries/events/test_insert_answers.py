"""Answers are stored in the transaction of their events, by COPY and by INSERT."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.engine import connect_writer
from db.models import AttemptAnswer, MonitoringEvent
from db.queries import verify
from db.queries.events.insert import copy_events, insert_missing_events
from db.segments import Segment
from db.settings import DatabaseSettings
from protocol.events import Entry
from protocol.limits import TIME_MAX_MS
from tests import factories
from tests.candidates import make_candidates
from tests.factories import TIME_BASE_MS

Store = Callable[[asyncpg.Connection, Sequence[Segment]], Awaitable[object]]
WAYS = [pytest.param(way, id=way.__name__) for way in (copy_events, insert_missing_events)]


@pytest.fixture
async def writer(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    yield conn
    await conn.close()


@pytest.fixture
async def stream(engine: AsyncEngine) -> UUID:
    return await open_stream(engine)


async def open_stream(engine: AsyncEngine, *, time_base: int = TIME_BASE_MS) -> UUID:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        return await factories.make_stream(conn, candidate.attempt_id, time_base=time_base)


def segment(stream_id: UUID, first: int, *contents: tuple[str, Any], mono: int | None = None) -> Segment:
    entries = tuple(
        Entry(seq, kind, 1, seq * 10 if mono is None else mono, msgspec.json.encode(data).decode())
        for seq, (kind, data) in enumerate(contents, first)
    )
    return Segment(stream_id, first, entries)


def answer(item: str, value: object) -> tuple[str, Any]:
    return "answered", {"item": item, "value": value, "ms": 5}


async def kept(engine: AsyncEngine) -> list[tuple[int, str, Any]]:
    async with engine.connect() as conn:
        assert await verify.find_answer_errors(conn) == []
        found = await conn.execute(
            select(AttemptAnswer.seq, AttemptAnswer.item, AttemptAnswer.value).order_by(AttemptAnswer.seq)
        )
        return [(row.seq, row.item, row.value) for row in found]


@pytest.mark.parametrize("store", WAYS)
async def test_answers_are_kept_with_their_events(
    engine: AsyncEngine, writer: asyncpg.Connection, stream: UUID, store: Store
) -> None:
    contents = [
        ("copy", {}),
        answer("q1", "Paris"),
        ("draft_saved", {"item": "q2", "text": "It was"}),
        answer("q1", None),
        ("answered", {"item": "q1"}),
    ]
    await store(writer, [segment(stream, 1, *contents)])
    assert await kept(engine) == [(2, "q1", "Paris"), (3, "q2", "It was"), (4, "q1", None)]
    async with engine.connect() as conn:
        rows = (await conn.execute(select(AttemptAnswer).order_by(AttemptAnswer.seq))).all()
        seqs = (await conn.execute(select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == stream))).all()
    assert len(seqs) == 5
    assert [row.occurred_at for row in rows] == [from_ms(TIME_BASE_MS + mono) for mono in (20, 30, 40)]


@pytest.mark.parametrize(
    ("time_base", "mono", "occurred_ms"),
    [(TIME_MAX_MS, TIME_MAX_MS, TIME_MAX_MS), (-TIME_MAX_MS, 5, 0), (1_699_999_999_877, 246, 1_700_000_000_123)],
)
async def test_client_times_are_limited_to_the_years_that_can_be_stored(
    engine: AsyncEngine, writer: asyncpg.Connection, time_base: int, mono: int, occurred_ms: int
) -> None:
    stream = await open_stream(engine, time_base=time_base)
    await copy_events(writer, [segment(stream, 1, answer("q1", 1), mono=mono)])
    async with engine.connect() as conn:
        occurred_at = (await conn.execute(select(AttemptAnswer.occurred_at))).scalar_one()
    assert abs(occurred_at - from_ms(occurred_ms)) < timedelta(milliseconds=0.1)


async def test_answers_of_many_attempts_in_one_transaction_stay_apart(
    engine: AsyncEngine, writer: asyncpg.Connection
) -> None:
    streams = sorted([await open_stream(engine) for _ in range(3)], key=lambda stream_id: stream_id.int)
    await copy_events(writer, [segment(stream_id, 1, answer("q1", str(stream_id))) for stream_id in streams])
    async with engine.connect() as conn:
        found = await conn.execute(select(AttemptAnswer.stream_id, AttemptAnswer.attempt_id, AttemptAnswer.value))
        rows = found.all()
    assert {row.stream_id: row.value for row in rows} == {stream_id: str(stream_id) for stream_id in streams}
    assert len({row.attempt_id for row in rows}) == 3


async def test_events_stored_again_add_no_answer(engine: AsyncEngine, writer: asyncpg.Connection, stream: UUID) -> None:
    first = segment(stream, 1, answer("q1", "a"), answer("q1", "b"))
    await copy_events(writer, [first])
    altered = segment(stream, 1, answer("q1", "a"), answer("q1", "altered"), answer("q1", "c"))
    for _ in range(2):
        await insert_missing_events(writer, [altered])
    assert await kept(engine) == [(1, "q1", "a"), (2, "q1", "b"), (3, "q1", "c")]


async def test_an_answer_postgresql_refuses_is_a_tombstone_and_no_revision(
    engine: AsyncEngine, writer: asyncpg.Connection, stream: UUID
) -> None:
    good = segment(stream, 1, answer("q1", "a"), answer("q1", "bad"), answer("q1", "c"))
    bad = msgspec.structs.replace(good.entries[1], payload='{"item":"q1","value":1e200000}')
    outcome = await insert_missing_events(writer, [Segment(stream, 1, (good.entries[0], bad, good.entries[2]))])
    assert [refused.seq for refused in outcome.refused[stream]] == [2]
    assert await kept(engine) == [(1, "q1", "a"), (3, "q1", "c")]


async def test_a_copy_that_fails_keeps_no_answer(engine: AsyncEngine, writer: asyncpg.Connection, stream: UUID) -> None:
    await copy_events(writer, [segment(stream, 1, ("copy", {}))])
    with pytest.raises(asyncpg.UniqueViolationError):
        await copy_events(writer, [segment(stream, 1, answer("q1", "a"))])
    assert await kept(engine) == []
