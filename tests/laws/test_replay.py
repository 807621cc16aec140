"""Folding the stored events again gives the same flags, no matter which worker folded them, in which pieces, or died.

Events of several streams arrive in separate transactions; two workers fold them at the same time and lose their state
now and then, also in the middle of a transaction. Then everything is folded again, from the first event.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.models import AnalysisCursor, ExamAttempt, Flag
from db.notify import Notifier
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent
from db.settings import DatabaseSettings
from tests.factories import make_stream, store_events
from tests.seeded_attempts import SeededAttempt
from tests.workers.rooms import EventSpec, Room
from veritas.audit.reproduce import reproduce
from workers import metrics
from workers.jobs.evaluate import Evaluator

STUDENTS = 6
ROUNDS = 25
OFTEN = {"preset": "camera", "rules": {"left_page": {"within_s": 30}, "gaze_away": {"within_s": 10, "samples": 10}}}
SERVERS = ("connection_opened", "connection_lost", "heartbeat_missed", "heartbeat_resumed", "cohort_outage")


@pytest.fixture
async def notifier(database: DatabaseSettings) -> AsyncIterator[Notifier]:
    """A notifier whose Redis is never stopped."""
    client = Notifier.connect(database.redis_url)
    yield client
    await client.close()


class Client:
    """One stream's device: it does something, then something else, on its own monotonic clock."""

    def __init__(self, stream_id: UUID, chance: random.Random) -> None:
        self.stream_id = stream_id
        self.in_flight = asyncio.Lock()
        self._chance = chance
        self._mono = chance.randrange(5_000)

    def act(self) -> list[EventSpec]:
        events: list[EventSpec] = []
        for _ in range(self._chance.randint(1, 4)):
            for kind, data, after_ms in self._chance.choice(SCENES):
                self._mono += after_ms
                events.append((kind, data, self._mono))
        return events


Scene = list[tuple[str, dict[str, Any], int]]
SCENES: list[Scene] = [
    [("alive", {}, 5_000)],
    [("window_blur", {}, 1_000), ("window_focus", {}, 2_000)],
    [("tab_hidden", {}, 1_000), ("alive", {}, 5_000), ("alive", {}, 17_000), ("tab_visible", {}, 1_000)],
    [("window_blur", {}, 1_000)],
    [("window_focus", {}, 900), ("paste", {"chars": 200}, 1_500)],
    [("fullscreen_exit", {}, 100), ("alive", {}, 5_000), ("alive", {}, 6_000)],
    [("fullscreen_enter", {}, 100)],
    [("eye_movement", {"confidence": 0.9, "on_screen": False}, 400)] * 12,
    [("eye_movement", {"confidence": 0.9, "on_screen": True}, 400)] * 12,
    [("copy", {}, 300), ("paste", {"chars": 90}, 300)],
    [("rejected", {"code": "bad_type"}, 0)],
]


class Traffic:
    """Clients that send and workers that fold, all at the same time, in random order."""

    def __init__(self, room: Room, seeded_attempts: Sequence[SeededAttempt], chance: random.Random) -> None:
        self._room = room
        self._chance = chance
        self._attempts = seeded_attempts
        self._clients = {seeded.attempt_id: [Client(seeded.stream_id, chance)] for seeded in seeded_attempts}

    async def send(self, seeded: SeededAttempt) -> None:
        """One transaction of a client's events, and now and then of a server's; a stream has one batch in flight."""
        clients = self._clients[seeded.attempt_id]
        client = self._chance.choice(clients)
        draw = self._chance.random()
        async with client.in_flight, self._room.engine.begin() as conn:
            await store_events(conn, client.stream_id, client.act())
            if draw < 0.2:
                await system_events.append_events(
                    conn, seeded.attempt_id, [ServerEvent(self._chance.choice(SERVERS), {"since": 1})]
                )
            if draw < 0.5:
                await asyncio.sleep(draw / 20)  # stamped first, seen later
        if draw < 0.1 and len(clients) < 3:
            async with self._room.engine.begin() as conn:
                stream_id = await make_stream(conn, seeded.attempt_id)
            clients.append(Client(stream_id, self._chance))

    async def play(self, workers: Sequence["Worker"]) -> None:
        for _ in range(ROUNDS):
            await asyncio.gather(*(self.send(self._chance.choice(self._attempts)) for _ in self._attempts))
            for worker in workers:
                if self._chance.random() < 0.25:
                    worker.forget()


class Worker:
    """A worker that is killed now and then, between two folds or in one; it folds mostly, but not only, its own."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        own: Sequence[UUID],
        others: Sequence[UUID],
        chance: random.Random,
        checkpoint_events: int,
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._own = own
        self._others = others
        self._chance = chance
        self._checkpoint_events = checkpoint_events
        self.forget()

    def forget(self) -> None:
        """Be another process, that knows nothing."""
        self._evaluator = Evaluator(self._engine, self._notifier, checkpoint_events=self._checkpoint_events)

    async def work(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._chance.choice([None] * 30 + [0.01])):
                    await self._evaluator.evaluate(self._own if self._chance.random() < 0.95 else self._others)
            except TimeoutError:
                self.forget()
            await asyncio.sleep(0)


@pytest.mark.parametrize(("seed", "checkpoint_events"), [(1, 40), (2, 256)])
async def test_folding_again_gives_the_same_flags_after_any_run_of_the_workers(
    database: DatabaseSettings,
    engine: AsyncEngine,
    notifier: Notifier,
    seed: int,
    checkpoint_events: int,
) -> None:
    chance = random.Random(seed)
    room = Room(engine)
    seeded_attempts = await room.add_attempts(STUDENTS, policy=OFTEN)
    attempts = [seeded.attempt_id for seeded in seeded_attempts]
    others = [create_engine(database) for _ in range(2)]
    halves = attempts[::2], attempts[1::2]
    halves = attempts[::2], attempts[1::2]
    workers = [
        Worker(other, notifier, own, not_own, chance, checkpoint_events)
        for other, own, not_own in zip(others, halves, halves[::-1], strict=True)
    ]
    refolded = metrics.EVENTS_REFOLDED._value.get()
    working = [asyncio.create_task(worker.work()) for worker in workers]
    try:
        await Traffic(room, seeded_attempts, chance).play(workers)
    finally:
        for task in working:
            task.cancel()
        ends = await asyncio.gather(*working, return_exceptions=True)
        for other in others:
            await other.dispose()
    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
    async with engine.begin() as conn:
        await conn.execute(update(AnalysisCursor).values(checkpointed_at=func.now() - timedelta(minutes=1)))
    await Evaluator(engine, notifier).evaluate(attempts)
    async with engine.connect() as conn:
        found = await reproduce(conn)
        raised = (await conn.execute(select(func.count()).select_from(Flag))).scalar_one()
        unscored = await conn.execute(select(ExamAttempt.id).where(ExamAttempt.integrity_score.is_(None)))
        assert unscored.all() == []
    assert (found.order, found.flags, found.scores, found.notes) == ([], [], [], [])
    assert raised >= STUDENTS, "there was something to find"
    assert metrics.EVENTS_REFOLDED._value.get() > refolded, "and something to forget"
