"""What a sweep finds without any hint, and what it leaves alone."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, EventStream, ExamAttempt
from db.queries.evaluation import cursors
from tests.workers.rooms import AWAY, Room
from workers import metrics
from workers.jobs import evaluate as stage
from workers.jobs.evaluate import Evaluator


async def test_a_sweep_finds_what_no_hint_named(room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.seat()
    await room.store(seeded, AWAY)
    await room.age(seeded)
    await evaluator.sweep()
    assert await room.count_flags() == 1
    assert metrics.LAG._value.get() == pytest.approx(60, abs=30)
    await evaluator.sweep()
    assert metrics.LAG._value.get() == 0


async def test_a_sweep_leaves_young_facts_to_their_hint(
    room: Room, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "SWEEP_LAG_MS", 60_000)
    [seeded] = await room.seat()
    await evaluator.sweep()
    assert await room.count_folded(seeded.attempt_id) == 0


async def test_a_sweep_that_falls_behind_says_how_far_and_leaves_the_rest_to_the_next(
    room: Room, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "SWEEP_S", 0.0)
    monkeypatch.setattr(cursors, "FACTS_PER_STREAM", 2)
    [seeded] = await room.seat()
    await room.store(seeded, AWAY)
    await room.age(seeded, 600)
    for folded in (2, 4):
        await evaluator.sweep()
        assert metrics.LAG._value.get() == pytest.approx(600, abs=30)
        assert await room.count_folded(seeded.attempt_id) == folded
    await evaluator.sweep()
    assert metrics.LAG._value.get() < 60


async def test_a_sweep_comes_to_every_day_in_the_end(room: Room, evaluator: Evaluator) -> None:
    seeded_attempts = await room.seat(3)
    for seeded, days in zip(seeded_attempts, (3, 20, 20), strict=True):
        await room.open_before(seeded, days, AWAY)
    await evaluator.sweep()
    assert [await room.count_flags(seeded.attempt_id) for seeded in seeded_attempts] == [1, 0, 0]
    for _ in range(3):
        await evaluator.sweep()
    assert await room.count_flags() == 3
    late = await room.seat()
    await room.open_before(late[0], 3, AWAY)
    for _ in range(3):
        await evaluator.sweep()
    assert await room.count_flags() == 4, "it begins again"


async def test_what_is_not_carried_is_counted_once_however_many_days_it_waits(
    room: Room, evaluator: Evaluator, engine: AsyncEngine
) -> None:
    [seeded] = await room.seat()
    for days in (3, 5):
        async with engine.begin() as conn:
            await conn.execute(update(ExamAttempt).values(rulebook_version=2))
            await conn.execute(delete(Connection))
            await conn.execute(delete(EventStream))
        await room.open_before(seeded, days, AWAY)
        for _ in range(3):
            await evaluator.sweep()
        assert metrics.NOT_CARRIED._value.get() == 1
