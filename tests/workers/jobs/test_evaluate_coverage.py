"""The evaluation stores what was observed with the score, in one transaction, and shows changes on the board."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AnalysisCursor, Connection, ExamAttempt, MonitoringEvent
from db.queries import feed
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent
from db.unit import change
from judgement.observation.observation import Observation
from protocol.analysis import Score
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


async def state(engine: AsyncEngine, seeded: SeededAttempt, kind: str, **data: Any) -> None:
    """A server records an event."""
    async with engine.begin() as conn:
        await system_events.append_events(conn, seeded.attempt_id, [ServerEvent(kind, data)])


async def move_into_past(engine: AsyncEngine, seconds: float) -> None:
    """Move everything that happened so far into the past."""
    by = timedelta(seconds=seconds)
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(started_at=ExamAttempt.started_at - by))
        await conn.execute(
            update(Connection).values(opened_at=Connection.opened_at - by, closed_at=Connection.closed_at - by)
        )
        await conn.execute(update(MonitoringEvent).values(server_timestamp=MonitoringEvent.server_timestamp - by))
        await conn.execute(
            update(AnalysisCursor).values(
                checkpointed_at=AnalysisCursor.checkpointed_at - by, last_event_at=AnalysisCursor.last_event_at - by
            )
        )
        for cursor in (await conn.execute(select(AnalysisCursor.attempt_id, AnalysisCursor.observed))).all():
            if cursor.observed is not None:
                earlier = _earlier(msgspec.convert(cursor.observed, Observation), round(1000 * seconds))
                await conn.execute(
                    update(AnalysisCursor)
                    .where(AnalysisCursor.attempt_id == cursor.attempt_id)
                    .values(observed=msgspec.to_builtins(earlier))
                )


def _earlier(observation: Observation, by_ms: int) -> Observation:
    for span in (*observation.seen, *observation.unobserved):
        span.from_ms -= by_ms
        span.to_ms -= by_ms
    for clock in observation.clocks.values():
        for name in ("last_ms", "window_ms", "reference_ms", "right_ms", "lag", "window_lag", "reference"):
            if (value := getattr(clock, name)) is not None:
                setattr(clock, name, value - by_ms)
    return observation


async def live_on(engine: AsyncEngine, room: Room, evaluator: Evaluator, seeded: SeededAttempt, seconds: int) -> None:
    """The client sends an event every ten seconds."""
    for s in range(0, seconds, 10):
        await move_into_past(engine, 10)
        await room.store(seeded, [("alive", {}, 10_000 + 1_000 * s)])
        await evaluator.evaluate([seeded.attempt_id])


async def test_before_the_first_event_of_a_client_scores_are_unknown(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts(is_connected=False)
    await state(engine, seeded, "connection_opened", generation=1)
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(None, None)
    await room.store(seeded, [("alive", {}, 1)])
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0)
    assert await count_scores(engine, seeded.exam_id) == 1


async def test_a_connection_without_events_is_not_observed(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await move_into_past(engine, 120)
    await state(engine, seeded, "connection_opened", generation=1)
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(None, 0.0)


async def test_a_short_silence_at_the_start_hides_no_score(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, [("alive", {}, 1)])
    await evaluator.evaluate([seeded.attempt_id])
    await move_into_past(engine, 20)
    await room.store(seeded, [("alive", {}, 20_000)])
    await state(engine, seeded, "connection_opened", generation=2)
    await evaluator.evaluate([seeded.attempt_id])
    score = await read_score(engine, seeded.attempt_id)
    assert score.integrity == 1.0
    assert score.coverage is not None
    assert 0.6 < score.coverage < 0.7


async def test_an_attempt_with_low_coverage_has_no_integrity_until_enough_of_it_was_observed(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await evaluator.evaluate([seeded.attempt_id])
    flagged = (await read_score(engine, seeded.attempt_id)).integrity
    assert flagged is not None
    assert flagged < 1
    await move_into_past(engine, 60)
    await room.store(seeded, [("alive", {}, 60_000)])
    await state(engine, seeded, "connection_opened", generation=2)
    await evaluator.evaluate([seeded.attempt_id])
    hardly = await read_score(engine, seeded.attempt_id)
    assert hardly.integrity is None
    assert hardly.coverage is not None
    assert hardly.coverage < 0.1

    await live_on(engine, room, evaluator, seeded, 80)
    again = await read_score(engine, seeded.attempt_id)
    assert again.integrity == flagged
    assert again.coverage is not None
    assert 0.5 < again.coverage < 0.7


async def test_events_that_an_older_version_has_folded_leave_the_coverage_to_the_connections(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, [("alive", {}, 1)])
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(update(AnalysisCursor).values(observed=None, last_event_at=None))
    await move_into_past(engine, 300)
    await room.store(seeded, [("alive", {}, 300_000)])
    await state(engine, seeded, "connection_opened", generation=2)
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0), "it was connected all the time"
    async with engine.connect() as conn:
        assert (await conn.execute(select(AnalysisCursor.observed))).scalar_one() is None


async def test_lost_events_are_unobserved_at_once(engine: AsyncEngine, room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, [("alive", {}, 1)])
    await evaluator.evaluate([seeded.attempt_id])
    await live_on(engine, room, evaluator, seeded, 60)
    assert (await read_score(engine, seeded.attempt_id)).coverage == 1.0
    await room.store(seeded, [("events_lost", {"from": 8, "reason": "storage"}, 0)])
    await evaluator.evaluate([seeded.attempt_id])
    score = await read_score(engine, seeded.attempt_id)
    assert score.integrity is None
    assert score.coverage is not None
    assert score.coverage < 0.1


async def test_a_stopped_clock_is_recorded_once_and_its_time_is_unobserved(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    for s in range(0, 120, 5):
        await room.store(seeded, [("alive", {}, min(1_000 * s, 20_000))])
        await evaluator.evaluate([seeded.attempt_id])
        await move_into_past(engine, 5)
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.data_payload).where(MonitoringEvent.event_type == "clock_mismatch")
        )
        [mismatch] = found.scalars()
    assert (mismatch["stream"], mismatch["kind"]) == (str(seeded.stream_id), "slow")
    assert 20_000 <= mismatch["to"] - mismatch["from"] <= 60_000
    score = await read_score(engine, seeded.attempt_id)
    assert score.integrity is None
    assert score.coverage is not None
    assert score.coverage < 0.4


async def test_what_shows_a_clock_fault_is_recorded_with_it_or_not_at_all(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    [seeded] = await room.add_attempts()
    for s in range(0, 70, 5):
        await room.store(seeded, [("alive", {}, 20_000)])
        if s < 35:
            await evaluator.evaluate([seeded.attempt_id])
        await move_into_past(engine, 5)

    class Crash(BaseException):
        pass

    @asynccontextmanager
    async def crash_before_commit(*args: Any) -> AsyncIterator[Any]:
        async with change(*args) as unit:
            yield unit
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("workers.jobs.evaluate.change", crash_before_commit)
        with pytest.raises(Crash):
            await evaluator.fold_once([seeded.attempt_id])
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.connect() as conn:
        counted = select(func.count()).where(MonitoringEvent.event_type == "clock_mismatch")
        assert (await conn.execute(counted)).scalar_one() == 1
