"""A sweep finds attempts without any job, and leaves young events to jobs."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, EventStream, ExamAttempt
from db.notify import Notifier
from tests.workers.rooms import AWAY, Room, break_checkpoint
from workers import metrics
from workers.jobs.evaluate import Evaluator
from workers.jobs.sweep import Sweep

DAY_MS = 86_400_000


@pytest.fixture
def sweep(engine: AsyncEngine, evaluator: Evaluator) -> Sweep:
    return Sweep(engine, evaluator)


async def test_a_sweep_finds_attempts_that_no_job_named(room: Room, sweep: Sweep) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await room.age(seeded)
    await sweep.run()
    assert await room.count_flags() == 1
    assert metrics.LAG._value.get() == pytest.approx(60, abs=30)
    await sweep.run()
    assert metrics.LAG._value.get() == 0


async def test_a_sweep_leaves_young_events_to_their_job(room: Room, engine: AsyncEngine, evaluator: Evaluator) -> None:
    sweep = Sweep(engine, evaluator, min_lag_ms=60_000)
    [seeded] = await room.add_attempts()
    await sweep.run()
    assert await room.count_folded(seeded.attempt_id) == 0


async def test_a_sweep_that_falls_behind_reports_its_lag_and_leaves_the_rest_to_the_next(
    room: Room, engine: AsyncEngine, notifier: Notifier
) -> None:
    slow = Evaluator(engine, notifier, events_per_transaction=4)  # two for each stream
    sweep = Sweep(engine, slow, recent_s=0.0)
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await room.age(seeded, 600)
    for folded in (2, 4):
        await sweep.run()
        assert metrics.LAG._value.get() == pytest.approx(600, abs=30)
        assert await room.count_folded(seeded.attempt_id) == folded
    await sweep.run()
    assert metrics.LAG._value.get() < 60


async def test_a_sweep_reaches_every_day_in_the_end(room: Room, engine: AsyncEngine, evaluator: Evaluator) -> None:
    # On a slow machine, what was stored a moment ago would be recent and late at once.
    sweep = Sweep(engine, evaluator, min_lag_ms=DAY_MS)
    seeded_attempts = await room.add_attempts(3)
    for seeded, days in zip(seeded_attempts, (3, 20, 20), strict=True):
        await room.open_before(seeded, days, AWAY)
    await sweep.run()
    assert [await room.count_flags(seeded.attempt_id) for seeded in seeded_attempts] == [1, 0, 0]
    for _ in range(3):
        await sweep.run()
    assert await room.count_flags() == 3
    late = await room.add_attempts()
    await room.open_before(late[0], 3, AWAY)
    for _ in range(3):
        await sweep.run()
    assert await room.count_flags() == 4, "it starts again"


async def test_attempts_of_an_unsupported_rulebook_are_counted_once(
    room: Room, sweep: Sweep, engine: AsyncEngine
) -> None:
    [seeded] = await room.add_attempts()
    for days in (3, 5):
        async with engine.begin() as conn:
            await conn.execute(update(ExamAttempt).values(rulebook_version=9))
            await conn.execute(delete(Connection))
            await conn.execute(delete(EventStream))
        await room.open_before(seeded, days, AWAY)
        for _ in range(3):
            await sweep.run()
        assert metrics.UNSUPPORTED._value.get() == 1


async def test_a_sweep_is_not_delayed_by_attempts_that_it_cannot_fold(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    stuck, whole = await room.add_attempts(2)
    await break_checkpoint(engine, notifier, stuck)
    for seeded, seconds in ((stuck, 90), (whole, 60)):
        await room.store(seeded, AWAY)
        await room.age(seeded, seconds)
    await Sweep(engine, evaluator, page=1).run()
    assert await room.count_flags(whole.attempt_id) == 1
