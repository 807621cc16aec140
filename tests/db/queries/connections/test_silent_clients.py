"""Clients that are connected and send no events: what a worker records of them, once, and when they are back."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AnalysisCursor, Connection, ExamAttempt, Flag, MonitoringEvent
from db.notify import Notifier
from db.queries.connections import silent_clients
from db.queries.connections.connections import OpenedConnection
from tests.candidates import Candidate, connect, disconnect, make_candidates, system_events
from tests.factories import store_events
from tests.workers.jobs.test_lost_connections import make_detector
from workers.jobs.evaluate import Evaluator
from workers.jobs.lost_connections import LostConnectionDetector, find_stuck_hubs

HUB = uuid4()


class Class:
    """Connected candidates, whose clock a test moves."""

    def __init__(self, engine: AsyncEngine, notifier: Notifier) -> None:
        self.engine = engine
        self.evaluator = Evaluator(engine, notifier)
        self.candidates: list[Candidate] = []
        self.openings: list[OpenedConnection] = []

    async def connect(self, students: int, hub: UUID = HUB) -> None:
        async with self.engine.begin() as conn:
            added = await make_candidates(conn, students)
            self.openings += [await connect(conn, candidate, hub) for candidate in added]
            self.candidates += added

    async def pass_time(self, seconds: float) -> None:
        """Move everything that happened so far into the past."""
        by = timedelta(seconds=seconds)
        async with self.engine.begin() as conn:
            await conn.execute(update(Connection).values(opened_at=Connection.opened_at - by))
            await conn.execute(update(MonitoringEvent).values(server_timestamp=MonitoringEvent.server_timestamp - by))
            await conn.execute(update(AnalysisCursor).values(last_event_at=AnalysisCursor.last_event_at - by))
            await conn.execute(update(ExamAttempt).values(silent_since=ExamAttempt.silent_since - by))

    async def send(self, *numbers: int, folded: bool = True) -> None:
        """Send one event of each of these candidates."""
        async with self.engine.begin() as conn:
            for n in numbers:
                await store_events(conn, self.openings[n].stream_id, [("alive", {}, 1_000)])
        if folded:
            await self.evaluator.evaluate([self.candidates[n].attempt_id for n in numbers])

    async def events_of(self, n: int) -> list[tuple[str, dict[str, Any]]]:
        async with self.engine.connect() as conn:
            events = await system_events(conn, self.candidates[n].attempt_id)
        return [(kind, data) for kind, data in events if kind.startswith("heartbeat")]


@pytest.fixture
def room_of(engine: AsyncEngine, notifier: Notifier) -> Class:
    return Class(engine, notifier)


@pytest.fixture
async def detector(engine: AsyncEngine) -> LostConnectionDetector:
    return await make_detector(engine)


async def test_a_connected_client_without_events_is_recorded_once(
    room_of: Class, detector: LostConnectionDetector
) -> None:
    await room_of.connect(2)
    await room_of.pass_time(20)
    await detector.poll()
    assert await room_of.events_of(0) == []
    await room_of.pass_time(6)
    await room_of.send(1)
    for _ in range(3):
        await detector.poll()
    [(kind, data)] = await room_of.events_of(0)
    assert (kind, data["connected"]) == ("heartbeat_missed", True)
    assert await room_of.events_of(1) == []


async def test_it_is_silent_since_its_last_event(room_of: Class, detector: LostConnectionDetector) -> None:
    await room_of.connect(1)
    await room_of.pass_time(100)
    await room_of.send(0)
    async with room_of.engine.connect() as conn:
        newest = (await conn.execute(select(func.max(MonitoringEvent.server_timestamp)))).scalar_one()
    await room_of.pass_time(26)
    await detector.poll()
    [(_, data)] = await room_of.events_of(0)
    assert data["since"] / 1000 == pytest.approx(newest.timestamp() - 26, abs=0.002)


async def test_its_next_event_ends_the_silence(room_of: Class, detector: LostConnectionDetector) -> None:
    await room_of.connect(1)
    await room_of.send(0)
    await room_of.pass_time(26)
    await detector.poll()
    await room_of.pass_time(10)
    await room_of.send(0)
    for _ in range(2):
        await detector.poll()
    (_, _), (kind, data) = await room_of.events_of(0)
    assert kind == "heartbeat_resumed"
    assert data["silent_ms"] == pytest.approx(36_000, abs=5_000)
    await room_of.pass_time(26)
    await detector.poll()
    assert [kind for kind, _ in await room_of.events_of(0)] == [
        "heartbeat_missed",
        "heartbeat_resumed",
        "heartbeat_missed",
    ]


async def test_events_that_are_not_folded_yet_are_events(room_of: Class, detector: LostConnectionDetector) -> None:
    await room_of.connect(1)
    await room_of.send(0)
    await room_of.pass_time(26)
    await room_of.send(0, folded=False)
    await detector.poll()
    assert await room_of.events_of(0) == []


async def test_a_client_that_is_gone_is_recorded_as_gone(room_of: Class, detector: LostConnectionDetector) -> None:
    await room_of.connect(1)
    async with room_of.engine.begin() as conn:
        await disconnect(conn, room_of.candidates[0], room_of.openings[0].generation)
        await conn.execute(update(Connection).values(closed_at=Connection.closed_at - timedelta(seconds=30)))
    await detector.poll()
    [(kind, data)] = await room_of.events_of(0)
    assert kind == "heartbeat_missed"
    assert "connected" not in data


async def test_a_silent_client_that_leaves_is_not_recorded_again(
    room_of: Class, detector: LostConnectionDetector
) -> None:
    await room_of.connect(1)
    await room_of.pass_time(26)
    await detector.poll()
    async with room_of.engine.begin() as conn:
        await disconnect(conn, room_of.candidates[0], room_of.openings[0].generation)
        await conn.execute(update(Connection).values(closed_at=Connection.closed_at - timedelta(seconds=30)))
    await detector.poll()
    assert [kind for kind, _ in await room_of.events_of(0)] == ["heartbeat_missed"]


async def test_a_client_that_reconnects_meanwhile_is_left_out(room_of: Class) -> None:
    await room_of.connect(1)
    await room_of.pass_time(26)
    async with room_of.engine.connect() as conn:
        silent = await silent_clients.list_silent_clients(conn)
    assert [client.attempt_id for client in silent] == [room_of.candidates[0].attempt_id]
    async with room_of.engine.begin() as conn:
        await connect(conn, room_of.candidates[0], HUB)
        assert await silent_clients.record_silences(conn, silent) == []


async def test_the_silence_of_most_clients_of_a_hub_is_the_fault_of_the_hub(
    room_of: Class, detector: LostConnectionDetector
) -> None:
    await room_of.connect(6)
    await room_of.connect(1, uuid4())
    await room_of.pass_time(26)
    await room_of.send(5)
    await detector.poll()
    assert [await room_of.events_of(n) for n in range(6)] == [[]] * 6
    assert [kind for kind, _ in await room_of.events_of(6)] == ["heartbeat_missed"]


async def test_a_silence_is_a_note_of_no_weight(room_of: Class, detector: LostConnectionDetector) -> None:
    await room_of.connect(1)
    async with room_of.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(rulebook_version=2))
    await room_of.pass_time(26)
    await detector.poll()
    await room_of.evaluator.evaluate([room_of.candidates[0].attempt_id])
    async with room_of.engine.connect() as conn:
        found = (await conn.execute(select(Flag.rule, Flag.severity))).all()
    assert [tuple(row) for row in found] == [("client_silent", "normal")]


def test_a_hub_is_stuck_when_more_than_half_of_its_clients_are_silent() -> None:
    one, other = uuid4(), uuid4()
    assert find_stuck_hubs({one: 6, other: 5}, {one: 11, other: 10}) == {one}
