"""Time is called over once, by the clock of PostgreSQL, and never for an outage."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import ExamAttempt, HubLease
from db.notify import Notifier
from db.queries import feed
from db.queries.attempts import timeouts
from db.queries.attempts.answers import SubmittedAnswer
from judgement.attempts import Action
from tests.candidates import start_hub, system_events
from tests.seeded_attempts import SeededAttempt, answer, end, ending, seed_attempt
from workers.jobs.timeouts import MISSED_S, QUARANTINE_S, TimeoutEnforcer

LONG = timedelta(hours=1)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def is_available(conn: AsyncConnection) -> bool:
    """Check the hubs as in production, but not how long PostgreSQL has been running: here it has just started."""
    checked = str(timeouts._HAS_BEEN_AVAILABLE).replace("pg_postmaster_start_time()", "'-infinity'::timestamptz")
    found = await conn.execute(text(checked).bindparams(patience=timedelta(seconds=timeouts.PATIENCE_S)))
    return bool(found.scalar_one())


@pytest.fixture
def enforcer(engine: AsyncEngine, notifier: Notifier, clock: Clock) -> TimeoutEnforcer:
    return TimeoutEnforcer(engine, notifier, clock, is_available=is_available)


async def have_hub(conn: AsyncConnection, since: timedelta = LONG) -> UUID:
    hub = await start_hub(conn)
    await conn.execute(update(HubLease).where(HubLease.hub == hub).values(taken_at=func.now() - since))
    return hub


async def let_time_pass(conn: AsyncConnection, seeded_attempts: Sequence[SeededAttempt], seconds: float = 60) -> None:
    """Make the deadline of these attempts lie so far back."""
    await conn.execute(
        update(ExamAttempt)
        .where(ExamAttempt.id.in_([seeded.attempt_id for seeded in seeded_attempts]))
        .values(deadline=func.now() - timedelta(seconds=seconds))
    )


async def statuses(engine: AsyncEngine, seeded_attempts: Sequence[SeededAttempt]) -> list[str]:
    async with engine.connect() as conn:
        found = {row.id: row.status for row in await conn.execute(select(ExamAttempt.id, ExamAttempt.status))}
    return [found[seeded.attempt_id] for seeded in seeded_attempts]


async def test_an_attempt_past_deadline_and_grace_is_submitted_as_it_is(
    engine: AsyncEngine, enforcer: TimeoutEnforcer
) -> None:
    async with engine.begin() as conn:
        await have_hub(conn)
        over, just, running = [await seed_attempt(conn) for _ in range(3)]
        await answer(conn, over, "a", "x", 1_000)
        await let_time_pass(conn, [over])
        await let_time_pass(conn, [just], timeouts.GRACE_S - 1)
    await enforcer.poll()
    assert await statuses(engine, [over, just, running]) == ["timed_out", "in_progress", "in_progress"]
    async with engine.connect() as conn:
        assert (await system_events(conn, over.attempt_id))[-1] == ("submitted", {"by": "server"})
        assert [delta.kind for delta in await feed.read_after(conn, over.exam_id, 1)] == ["attempt"]
        score = await conn.execute(select(ExamAttempt.score).where(ExamAttempt.id == over.attempt_id))
        assert score.scalar_one() == 2


@pytest.mark.parametrize("since", [timedelta(seconds=115), None], ids=["just come", "none there"])
async def test_no_attempt_is_timed_out_until_a_hub_has_run_for_a_while(
    engine: AsyncEngine, enforcer: TimeoutEnforcer, since: timedelta | None
) -> None:
    async with engine.begin() as conn:
        if since is not None:
            await have_hub(conn, since)
        seeded = await seed_attempt(conn)
        await let_time_pass(conn, [seeded])
    await enforcer.poll()
    assert await statuses(engine, [seeded]) == ["in_progress"]


@pytest.mark.parametrize(
    ("gap_s", "ago_s", "expected"), [(-1, 60, "timed_out"), (2, 60, "in_progress"), (2, 130, "timed_out")]
)
async def test_a_gap_between_two_hubs_is_an_outage_and_an_overlap_is_not(
    engine: AsyncEngine, enforcer: TimeoutEnforcer, gap_s: int, ago_s: int, expected: str
) -> None:
    """The older hub is dead: its lease ran out, which was found much later."""
    async with engine.begin() as conn:
        older = await have_hub(conn)
        await have_hub(conn, timedelta(seconds=ago_s))
        lived_until = func.now() - timedelta(seconds=ago_s + gap_s)
        await conn.execute(
            update(HubLease).where(HubLease.hub == older).values(expires_at=lived_until, ended_at=func.now())
        )
        seeded = await seed_attempt(conn)
        await let_time_pass(conn, [seeded])
    await enforcer.poll()
    assert await statuses(engine, [seeded]) == [expected]


async def test_after_an_outage_of_postgresql_students_may_submit_first(
    engine: AsyncEngine, enforcer: TimeoutEnforcer, clock: Clock
) -> None:
    async with engine.begin() as conn:
        await have_hub(conn)
        seeded = await seed_attempt(conn)
        await let_time_pass(conn, [seeded])
    clock.now += MISSED_S + 1  # looks that failed
    await enforcer.poll()
    assert await statuses(engine, [seeded]) == ["in_progress"]
    until = clock.now + timeouts.PATIENCE_S
    while clock.now < until:
        await enforcer.poll()
        assert await statuses(engine, [seeded]) == ["in_progress"]
        clock.now += MISSED_S / 2
    await enforcer.poll()
    assert await statuses(engine, [seeded]) == ["timed_out"]


async def test_many_workers_and_students_end_each_attempt_once(
    engine: AsyncEngine, enforcer: TimeoutEnforcer, notifier: Notifier
) -> None:
    async with engine.begin() as conn:
        await have_hub(conn)
        seeded_attempts = [await seed_attempt(conn) for _ in range(10)]
        await let_time_pass(conn, seeded_attempts)

    async def hand_in(seeded: SeededAttempt) -> None:
        async with engine.begin() as conn:
            await end(conn, seeded, ending(Action.SUBMIT, answers=[SubmittedAnswer("a", "x")]))

    await asyncio.gather(
        *(TimeoutEnforcer(engine, notifier, is_available=is_available).poll() for _ in range(3)),
        *map(hand_in, seeded_attempts[::2]),
    )
    await enforcer.poll()
    assert set(await statuses(engine, seeded_attempts)) <= {"submitted", "timed_out"}
    async with engine.connect() as conn:
        for seeded in seeded_attempts:
            kinds = [kind for kind, _ in await system_events(conn, seeded.attempt_id)]
            assert kinds.count("submitted") == 1


async def test_an_attempt_that_cannot_be_ended_delays_no_other_and_is_tried_again(
    engine: AsyncEngine, enforcer: TimeoutEnforcer, clock: Clock
) -> None:
    async with engine.begin() as conn:
        await have_hub(conn)
        bad, good = [await seed_attempt(conn) for _ in range(2)]
        await let_time_pass(conn, [bad], 90)
        await let_time_pass(conn, [good])
        await conn.execute(
            text("UPDATE event_streams SET kind = 'client', boot = id WHERE kind = 'system' AND attempt_id = :bad"),
            {"bad": bad.attempt_id},
        )
    await enforcer.poll()
    assert await statuses(engine, [bad, good]) == ["in_progress", "timed_out"]
    async with engine.begin() as conn:
        await conn.execute(
            text("UPDATE event_streams SET kind = 'system', boot = NULL WHERE boot = id AND attempt_id = :bad"),
            {"bad": bad.attempt_id},
        )
    await enforcer.poll()
    assert await statuses(engine, [bad]) == ["in_progress"]
    for _ in range(4):
        clock.now += QUARANTINE_S / 4
        await enforcer.poll()
    assert await statuses(engine, [bad]) == ["timed_out"]


async def test_a_server_that_has_just_started_is_not_available_long_enough(conn: AsyncConnection) -> None:
    await have_hub(conn)
    since = await conn.execute(text("SELECT now() - pg_postmaster_start_time()"))
    assert await timeouts.has_been_available(conn) == (since.scalar_one() > timedelta(seconds=timeouts.PATIENCE_S))
