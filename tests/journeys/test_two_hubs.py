"""Two hubs on one database, the candidate at one and the teacher at the other: a hub may die, and Redis too."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, EventStream, MonitoringEvent
from db.queries import verify
from db.queries.connections.hub_leases import LEASE_S
from protocol.monitor import Instruct
from tests.faults.checker import Diary, check, unacknowledged
from tests.journeys.hubs import LOGIN, Hub, Service, run_service
from tests.journeys.processes import Stopwatch, until
from tests.roles import create_database, drop_database, url_of
from veritas.client import Candidate, Console, Superseded
from veritas.embedded.servers import Servers
from veritas.rest import Rest, UserSession
from veritas.simulation.teacher import SimulatedTeacher

pytestmark = pytest.mark.timeout(120)

DATABASE = "veritas_two_hubs"
TO_THE_OTHER_HUB_S = 5.0
WITHOUT_REDIS_S = 4.0
"""Hubs look every three seconds; the rest is the way there."""


class Room:
    """One candidate who types all the time, and one teacher who watches from the other hub."""

    def __init__(self, exam_id: UUID, attempt_id: UUID, session: UserSession, hubs: list[Hub]) -> None:
        self.exam_id = exam_id
        self.session = session
        self.hubs = hubs
        self.attempt_id = attempt_id
        self.diaries: list[Diary] = []
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.teacher = SimulatedTeacher()
        self.console: Console
        self.typing: asyncio.Task[None]
        self.first = self.client(*hubs)
        self.time = Stopwatch()

    def client(self, *hubs: Hub) -> Candidate:
        self.diaries.append(diary := Diary(self.attempt_id))
        return Candidate(
            [hub.url.replace("http", "ws") + "/ws/monitor" for hub in hubs],
            self.attempt_id,
            lambda: self.session.ticket("monitor"),
            on_instruction=self.hear,
            log=diary.notes.append,
            proxy=None,
        )

    async def hear(self, instruct: Instruct) -> str | None:
        self.messages.put_nowait(instruct.body["text"])
        return None

    async def send_message(self, text: str) -> float:
        """Have the teacher say something to all; how many seconds it took to the candidate."""
        begun_s = self.time.seconds
        result = await self.console.message(self.exam_id, text)
        assert [(outcome.attempt_id, outcome.ok) for outcome in result.outcomes] == [(self.attempt_id, True)]
        async with asyncio.timeout(10):
            while await self.messages.get() != text:
                pass
        return self.time.seconds - begun_s

    @property
    def is_online(self) -> bool:
        """Whether the teacher's board shows the candidate as connected."""
        return any(presence.online for presence in self.teacher.presence.values())

    async def type(self, candidate: Candidate) -> None:
        while True:
            candidate.record("typing", {"item": "q1", "chars": 3, "ms": 500})
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def service(servers: Servers, template: str) -> AsyncIterator[Service]:
    await create_database(servers, DATABASE, template)
    try:
        with tempfile.TemporaryDirectory(prefix="veritas-hubs-") as folder:
            async with run_service(2, url_of(servers, DATABASE), Path(folder)) as service:
                yield service
    finally:
        await drop_database(servers, DATABASE)


@pytest.fixture
async def room(service: Service) -> AsyncIterator[Room]:
    async with open_room(service.hubs) as room:
        yield room


@asynccontextmanager
async def open_room(hubs: list[Hub]) -> AsyncIterator[Room]:
    here, there = hubs
    async with AsyncExitStack() as stack:
        at_there = await stack.enter_async_context(Rest(there.url))
        teacher = await at_there.sign_in(LOGIN.username, LOGIN.password)
        exam_id = await teacher.create_exam("Physics", duration_minutes=60, preset="camera")
        (student,) = await teacher.extend_roster(exam_id, [{"username": f"ada-{exam_id}", "name": "Ada"}])
        session = await (await stack.enter_async_context(Rest([here.url, there.url]))).sign_in_by_code(student.code)
        room = Room(exam_id, await session.start(exam_id), session, hubs)
        console = Console(
            at_there.socket_urls("/ws/console"), lambda: teacher.ticket("console"), get_token=teacher.access, proxy=None
        )
        room.console = await stack.enter_async_context(console)
        following = asyncio.create_task(room.teacher.follow(console, exam_id))
        stack.callback(following.cancel)
        room.first.start()
        stack.push_async_callback(room.first.close)
        room.typing = asyncio.create_task(room.type(room.first))
        stack.callback(room.typing.cancel)
        await until(lambda: room.first.acked > 20)
        await until(lambda: room.is_online)
        yield room


async def compare(engine: AsyncEngine, room: Room) -> None:
    async with engine.connect() as conn:
        assert await check(conn, room.diaries) == []


async def causes(engine: AsyncEngine, room: Room) -> list[tuple[int, str | None]]:
    columns = select(Connection.generation, Connection.cause)
    async with engine.connect() as conn:
        found = await conn.execute(columns.where(Connection.attempt_id == room.attempt_id).order_by("generation"))
        return [(row.generation, row.cause) for row in found]


async def system_event_types(engine: AsyncEngine, room: Room) -> list[str]:
    own = (EventStream.attempt_id == room.attempt_id) & (EventStream.kind == "system")
    joined = select(MonitoringEvent.event_type).join(EventStream, EventStream.id == MonitoringEvent.stream_id)
    async with engine.connect() as conn:
        return list(
            (await conn.scalars(joined.where(own).order_by(MonitoringEvent.stream_id, MonitoringEvent.seq))).all()
        )


async def count_flags_once_judged(engine: AsyncEngine, room: Room) -> int:
    async with asyncio.timeout(15):
        while True:
            async with engine.connect() as conn:
                if await verify.count_unfolded(conn, room.exam_id) == 0:
                    return await verify.count_flags(conn, room.exam_id)
            await asyncio.sleep(0.1)


async def test_without_redis_the_newest_connection_wins_and_messages_arrive(room: Room, service: Service) -> None:
    time = room.time
    service.redis.kill()
    time.note("Redis killed -9")
    took_s = await room.send_message("without Redis")
    time.note(f"a message from hub B to the candidate at hub A took {took_s:.2f} s")
    assert took_s < WITHOUT_REDIS_S
    begun_s = time.seconds
    async with room.client(room.hubs[1]) as second:
        second.record("tab_visible")
        await second.drained(10)
        with pytest.raises(Superseded):
            await asyncio.wait_for(room.first.finished(), 10)
        time.note(f"the older connection was closed 4409 after {time.seconds - begun_s:.2f} s")
        assert time.seconds - begun_s < WITHOUT_REDIS_S
        took_s = await room.send_message("hello, second")
        time.note(f"a message to the candidate at hub B took {took_s:.2f} s")
        assert took_s < WITHOUT_REDIS_S
        assert second.sent == second.acked
    assert (await causes(service.engine, room))[0] == (1, "superseded")
    await compare(service.engine, room)
    service.redis.run()


async def test_a_candidate_goes_on_at_the_other_hub_when_its_own_is_killed(room: Room, service: Service) -> None:
    engine, candidate, time = service.engine, room.first, room.time
    took_s = await room.send_message("welcome")
    time.note(f"a message from hub B to the candidate at hub A took {took_s * 1000:.0f} ms")
    acked = candidate.acked
    room.hubs[0].kill()
    died_s = time.seconds
    time.note("hub A killed -9")
    await until(lambda: candidate.connections == 2 and candidate.acked > acked + 10, 10)
    time.note(f"the candidate is acknowledged at hub B after {time.seconds - died_s:.2f} s")
    assert time.seconds - died_s < TO_THE_OTHER_HUB_S
    seen = max(presence.seen_at for presence in room.teacher.presence.values())
    await until(
        lambda: room.is_online and max(presence.seen_at for presence in room.teacher.presence.values()) > seen, 10
    )
    time.note(f"the teacher sees the candidate there after {time.seconds - died_s:.2f} s")
    took_s = await room.send_message("go on")
    time.note(f"a message to the candidate at hub B took {took_s * 1000:.0f} ms")
    # Beyond the dead hub's lease: its connections are closed by now.
    await time.wait_for(died_s + LEASE_S + 2)
    assert room.is_online
    room.typing.cancel()
    await candidate.drained(10)
    await candidate.bye()
    assert candidate.sent == candidate.acked
    assert unacknowledged(room.diaries[0]) == []
    assert await count_flags_once_judged(engine, room) == 0
    first, *_ = await causes(engine, room)
    assert first in [(1, "superseded"), (1, "hub_gone")]
    assert "heartbeat_missed" not in await system_event_types(engine, room)
    await compare(engine, room)
