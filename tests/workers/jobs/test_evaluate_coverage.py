"""The evaluation stores the coverage with the score, in one transaction, and shows changes on the board."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AnalysisCursor, Connection, ExamAttempt
from db.queries import feed
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent
from protocol.analysis import Score
from tests.factories import make_connection
from tests.seeded_attempts import SeededAttempt
from tests.workers.rooms import AWAY, Room
from workers.jobs.evaluate import Evaluator


async def read_score(engine: AsyncEngine, attempt_id: UUID) -> Score:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(ExamAttempt.integrity_score, ExamAttempt.coverage).where(ExamAttempt.id == attempt_id)
        )
        return Score(*found.one())


async def count_scores(engine: AsyncEngine, exam_id: UUID) -> int:
    async with engine.connect() as conn:
        return sum(delta.kind == "score" for delta in await feed.read_after(conn, exam_id, 0))


async def go(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    """The client's connection ends now, as a hub states it."""
    async with engine.begin() as conn:
        await conn.execute(
            update(Connection).where(Connection.attempt_id == seeded.attempt_id).values(closed_at=func.now())
        )
        await system_events.append_events(conn, seeded.attempt_id, [ServerEvent("connection_lost", {"generation": 1})])


async def come(engine: AsyncEngine, seeded: SeededAttempt, after_s: float = 0) -> None:
    """A client connects, so many seconds after the attempt's start."""
    async with engine.begin() as conn:
        await make_connection(conn, seeded.attempt_id, seeded.stream_id, opened_s=after_s)
        await system_events.append_events(
            conn, seeded.attempt_id, [ServerEvent("connection_opened", {"generation": 2})]
        )


async def move_into_past(engine: AsyncEngine, seeded: SeededAttempt, seconds: float) -> None:
    """Move everything that happened to the attempt so far into the past."""
    by = timedelta(seconds=seconds)
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(started_at=ExamAttempt.started_at - by))
        await conn.execute(
            update(Connection).values(opened_at=Connection.opened_at - by, closed_at=Connection.closed_at - by)
        )
        await conn.execute(update(AnalysisCursor).values(checkpointed_at=AnalysisCursor.checkpointed_at - by))


async def test_before_the_first_connection_scores_are_unknown(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts(is_connected=False)
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(None, None)
    await come(engine, seeded)
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0)
    assert await count_scores(engine, seeded.exam_id) == 1


async def test_a_short_loss_at_the_start_hides_no_score(engine: AsyncEngine, room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    await evaluator.evaluate([seeded.attempt_id])
    await go(engine, seeded)
    await move_into_past(engine, seeded, 20)
    await come(engine, seeded, 20)
    await evaluator.evaluate([seeded.attempt_id])
    score = await read_score(engine, seeded.attempt_id)
    assert score.integrity == 1.0
    assert score.coverage is not None
    assert 0.6 < score.coverage < 0.7


async def test_an_attempt_with_low_coverage_has_no_integrity_until_it_was_connected_long_enough(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await evaluator.evaluate([seeded.attempt_id])
    flagged = (await read_score(engine, seeded.attempt_id)).integrity
    assert flagged is not None
    assert flagged < 1
    await go(engine, seeded)
    await move_into_past(engine, seeded, 300)
    await come(engine, seeded, 290)
    await evaluator.evaluate([seeded.attempt_id])
    hardly = await read_score(engine, seeded.attempt_id)
    assert hardly.integrity is None
    assert hardly.coverage is not None
    assert hardly.coverage < 0.1

    await move_into_past(engine, seeded, 400)
    await room.store(seeded, [("alive", {}, 30_000)])
    await evaluator.evaluate([seeded.attempt_id])
    again = await read_score(engine, seeded.attempt_id)
    assert again.integrity == flagged
    assert again.coverage is not None
    assert 0.5 < again.coverage < 0.7


async def test_full_coverage_needs_no_query_of_connections(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(update(Connection).values(closed_at=func.now(), opened_at=func.now()))
    await move_into_past(engine, seeded, 300)
    await room.store(seeded, [("alive", {}, 30_000)])
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0), "no event of a connection was stored"
