"""Absences from end to end: what a worker states of dead hubs and of the gone, and that no flag follows."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, ExamAttempt, Flag
from db.notify import Notifier
from db.queries.connections import hub_leases, lost_connections
from db.queries.connections.lost_connections import LostClient
from judgement.outage import CohortOutage
from judgement.rules import RULEBOOKS
from protocol.events import MARKER_EVENTS, SERVER_EVENTS
from protocol.flags import Severity
from tests.candidates import (
    Candidate,
    connect,
    disconnect,
    expire_lease,
    make_candidates,
    move_into_past,
    start_hub,
    system_events,
)
from workers.jobs.evaluate import Evaluator
from workers.jobs.lost_connections import BATCH, MISSED_S, PATIENCE_S, LostConnectionDetector, list_reports

HUB = uuid4()
EXAM = UUID(int=1)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def make_detector(engine: AsyncEngine, *, batch: int = BATCH) -> LostConnectionDetector:
    """Make a detector that has waited for reconnects: its next poll is the first one that records losses."""
    clock = Clock()
    detector = LostConnectionDetector(engine, clock, batch=batch)
    for _ in range(4):
        await detector.poll()
        clock.now += PATIENCE_S / 4
    return detector


@pytest.fixture
async def detector(engine: AsyncEngine) -> LostConnectionDetector:
    return await make_detector(engine)


async def lose_all(engine: AsyncEngine, candidates: list[Candidate], seconds: float) -> None:
    async with engine.begin() as conn:
        for candidate in candidates:
            opening = await connect(conn, candidate, HUB, boot=candidate.attempt_id)
            await disconnect(conn, candidate, opening.generation, "gone")
        await move_into_past(conn, [candidate.attempt_id for candidate in candidates], seconds)


async def wait_longer(engine: AsyncEngine, seconds: float) -> None:
    async with engine.begin() as conn:
        await conn.execute(
            update(Connection).values(closed_at=Connection.closed_at - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
        )


async def events_of(engine: AsyncEngine, candidate: Candidate) -> list[str]:
    async with engine.connect() as conn:
        return [kind for kind, _ in await system_events(conn, candidate.attempt_id)][3:]


async def test_many_clients_lost_together_are_an_outage_first_and_silent_later(
    engine: AsyncEngine, detector: LostConnectionDetector
) -> None:
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 8)
        for candidate in candidates[6:]:
            await connect(conn, candidate, HUB)
    await lose_all(engine, candidates[:6], 15)
    await detector.poll()
    assert await events_of(engine, candidates[0]) == []
    await wait_longer(engine, 6)
    await detector.poll()
    await detector.poll()
    assert [await events_of(engine, candidate) for candidate in candidates[:6]] == [["cohort_outage"]] * 6
    await wait_longer(engine, 5)
    await detector.poll()
    await detector.poll()
    assert [await events_of(engine, candidate) for candidate in candidates[:6]] == [
        ["cohort_outage", "heartbeat_missed"]
    ] * 6
    async with engine.connect() as conn:
        outages = [
            dict(await system_events(conn, candidate.attempt_id))["cohort_outage"] for candidate in candidates[:6]
        ]
    assert len({outage["group"] for outage in outages}) == 1
    assert {(outage["lost"], outage["of"]) for outage in outages} == {(6, 8)}


async def test_a_single_lost_client_is_silent_and_no_outage(
    engine: AsyncEngine, detector: LostConnectionDetector
) -> None:
    async with engine.begin() as conn:
        alone, other = await make_candidates(conn, 2)
        await connect(conn, other, HUB)
    await lose_all(engine, [alone], 26)
    await detector.poll()
    await detector.poll()
    assert await events_of(engine, alone) == ["heartbeat_missed"]
    assert await events_of(engine, other) == []


async def test_clients_lost_after_their_deadline_are_neither_an_outage_nor_silent(
    engine: AsyncEngine, detector: LostConnectionDetector
) -> None:
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 6)
    await lose_all(engine, candidates, 30)
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(deadline=func.now() - timedelta(hours=1)))
    await detector.poll()
    async with engine.connect() as conn:
        kinds = [kind for candidate in candidates for kind, _ in await system_events(conn, candidate.attempt_id)]
    assert set(kinds) == {"attempt_started", "connection_opened", "connection_lost"}


async def test_an_outage_found_late_is_still_recorded_before_the_silence(
    engine: AsyncEngine, detector: LostConnectionDetector
) -> None:
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 5)
    await lose_all(engine, candidates, 900)
    await detector.poll()
    assert [await events_of(engine, candidate) for candidate in candidates] == [
        ["cohort_outage", "heartbeat_missed"]
    ] * 5


async def test_a_client_that_returns_in_time_was_never_lost(
    engine: AsyncEngine, detector: LostConnectionDetector
) -> None:
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 6)
    await lose_all(engine, candidates, 18)
    async with engine.begin() as conn:
        for candidate in candidates:
            await connect(conn, candidate, HUB, boot=candidate.attempt_id)
    await wait_longer(engine, 60)
    await detector.poll()
    assert [await events_of(engine, candidate) for candidate in candidates] == [["connection_opened"]] * 6


async def test_many_workers_record_nothing_twice(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        hub = await start_hub(conn)
        candidates = await make_candidates(conn, 12)
        for candidate in candidates:
            await connect(conn, candidate, hub)
        await expire_lease(conn, hub, 30)
        await conn.execute(update(Connection).values(opened_at=Connection.opened_at - func.make_interval(0, 0, 0, 1)))
    clock = Clock()
    lookouts = [LostConnectionDetector(engine, clock) for _ in range(4)]
    for _ in range(4):
        await asyncio.gather(*(detector.poll() for detector in lookouts))
        clock.now += PATIENCE_S / 4
    await asyncio.gather(*(detector.poll() for detector in lookouts))
    for candidate in candidates:
        async with engine.connect() as conn:
            stated = Counter(kind for kind, _ in await system_events(conn, candidate.attempt_id))
        assert stated == {
            "attempt_started": 1,
            "connection_opened": 1,
            "connection_lost": 1,
            "cohort_outage": 1,
            "heartbeat_missed": 1,
        }


async def test_outages_silence_and_return_raise_no_flag(
    engine: AsyncEngine, detector: LostConnectionDetector, notifier: Notifier
) -> None:
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 6)
    await lose_all(engine, candidates, 40)
    await detector.poll()
    async with engine.begin() as conn:
        for candidate in candidates:
            await connect(conn, candidate, HUB, boot=candidate.attempt_id)
    assert await events_of(engine, candidates[0]) == [
        "cohort_outage",
        "heartbeat_missed",
        "connection_opened",
        "heartbeat_resumed",
    ]
    await Evaluator(engine, notifier).evaluate([candidate.attempt_id for candidate in candidates])
    async with engine.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(Flag))).scalar_one() == 0


def test_only_notes_read_what_servers_record() -> None:
    rules = [rule for rulebook in RULEBOOKS.values() for rule in rulebook]
    read_types = {kind for rule in rules if rule.severity is not Severity.NORMAL for kind in rule.event_types}
    assert read_types.isdisjoint({*SERVER_EVENTS, *MARKER_EVENTS} - {"attempt_started"})
    lost = {"connection_opened", "connection_lost", "cohort_outage"}
    assert lost.isdisjoint({kind for rule in rules for kind in rule.event_types})


async def test_after_an_outage_of_postgresql_clients_may_return_first(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        hub = await start_hub(conn)
        alone, on_it = await make_candidates(conn, 2)
        await connect(conn, on_it, hub)
        await expire_lease(conn, hub)
    await lose_all(engine, [alone], 60)
    clock = Clock()
    detector = LostConnectionDetector(engine, clock)

    async def is_judged() -> bool:
        async with engine.connect() as conn:
            open_ones = await conn.execute(select(Connection.closed_at).where(Connection.hub == hub))
            ended = open_ones.scalar_one() is not None
        assert ended == (await events_of(engine, alone) == ["heartbeat_missed"])
        return ended

    await detector.poll()
    clock.now += MISSED_S
    await detector.poll()
    clock.now += MISSED_S + 1  # looks that failed
    await detector.poll()
    assert not await is_judged()
    for _ in range(2):
        clock.now += PATIENCE_S / 2
        await detector.poll()
    assert await is_judged()


async def test_more_losses_than_a_batch_are_recorded_in_several_transactions(
    engine: AsyncEngine,
) -> None:
    detector = await make_detector(engine, batch=2)
    async with engine.begin() as conn:
        candidates = await make_candidates(conn, 5)
    await lose_all(engine, candidates, 30)
    await detector.poll()
    async with engine.connect() as conn:
        outages = [dict(await system_events(conn, candidate.attempt_id))["cohort_outage"] for candidate in candidates]
    assert len({outage["group"] for outage in outages}) == 1


def client(n: int, seconds: float, *, is_silent: bool = False, outage: UUID | None = None) -> LostClient:
    return LostClient(UUID(int=n), EXAM, 1, 0, int(seconds * 1000), outage, is_silent)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (client(1, 19.9), None),
        (client(1, 20), (True, False)),
        (client(1, 25), (True, True)),
        (client(1, 20, outage=EXAM), None),
        (client(1, 25, outage=EXAM), (False, True)),
        (client(1, 26, is_silent=True), None),
        (client(2, 24.9), None),
        (client(2, 25), (False, True)),
    ],
)
def test_the_reports_that_are_due_about_a_lost_client(one: LostClient, expected: tuple[bool, bool] | None) -> None:
    due = list_reports([one], [CohortOutage(EXAM, None, (UUID(int=1),), 9)])
    assert [(report.outage is not None, report.is_silent) for report in due] == ([expected] if expected else [])


def test_the_outage_comes_between_the_grace_and_the_silence() -> None:
    assert (
        lost_connections.NEAR_S < lost_connections.GRACE_S < lost_connections.SILENT_S < lost_connections.REMEMBERED_S
    )
    assert hub_leases.LEASE_S < lost_connections.GRACE_S
