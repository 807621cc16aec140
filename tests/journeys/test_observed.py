"""What the record says of clients that say nothing, or not the truth: a real hub, a real worker and raw sockets.

All sit the same exam for eighty seconds at once. Each but the honest one ends with unobserved time, a note and no
score.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import ClientConnection, connect

from db.models import AnalysisCursor, BehaviorAnalysis, ExamAttempt, Flag
from protocol import monitor
from protocol.codec import Encoding, decode_to_candidate, encode
from protocol.events import Event
from tests.journeys.hubs import LOGIN, Service, run_service
from tests.roles import create_database, drop_database, url_of
from veritas.audit.reproduce import reproduce
from veritas.embedded.servers import Servers
from veritas.rest import Rest, UserSession

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

DATABASE = "veritas_observed"
SECONDS = 80.0


class RawClient:
    """A client that sends what a test wants: `mono` may run as it likes."""

    def __init__(self, url: str, attempt_id: UUID, session: UserSession) -> None:
        self.url = url
        self.attempt_id = attempt_id
        self.session = session
        self.begun_s = time.monotonic()
        self.seq = 0
        self.socket: ClientConnection
        self._stack = contextlib.AsyncExitStack()
        self._reading: asyncio.Task[None] | None = None

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun_s

    @property
    def is_over(self) -> bool:
        return self.elapsed_s >= SECONDS

    async def enter(self, *, boot: UUID | None = None, acked: int = 0) -> None:
        """Connect and say hello."""
        await self.leave()
        self.socket = await self._stack.enter_async_context(
            connect(self.url, subprotocols=[Encoding.JSON], compression=None, proxy=None)  # type: ignore[list-item]
        )
        hello = monitor.Hello(
            ticket=await self.session.ticket("monitor"),
            attempt_id=self.attempt_id,
            boot=boot or uuid4(),
            acked=acked,
            next_seq=acked + 1,
            client=monitor.Client("raw", "1"),
            mono=0,
            at=0,
        )
        await self.socket.send(encode(hello, Encoding.JSON))
        welcome = decode_to_candidate(await self.socket.recv(), Encoding.JSON)
        assert isinstance(welcome, monitor.Welcome), welcome
        self.seq = welcome.committed
        self.hello_s = time.monotonic()
        self._reading = asyncio.create_task(self._read())

    async def leave(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await self._stack.aclose()

    async def _read(self) -> None:
        with contextlib.suppress(Exception):
            async for _ in self.socket:
                pass

    def mono(self, rate: float = 1.0) -> int:
        return round(1000 * rate * (time.monotonic() - self.hello_s))

    async def send(self, *events: tuple[str, int]) -> None:
        """Send events, each with its own `mono`."""
        first, self.seq = self.seq + 1, self.seq + len(events)
        frame = monitor.Events(first, [Event(kind, 1_700_000_000_000, mono) for kind, mono in events])
        await self.socket.send(encode(frame, Encoding.JSON))

    async def ping(self) -> None:
        await self.socket.send(encode(monitor.Ping(1_700_000_000_000), Encoding.JSON))


async def work_honestly(client: RawClient) -> None:
    await client.enter()
    while not client.is_over:
        await client.send(("typing", client.mono()))
        await asyncio.sleep(2)


async def only_ping(client: RawClient) -> None:
    await client.enter()
    while not client.is_over:
        await client.ping()
        await asyncio.sleep(2)


async def run_slowly(client: RawClient, rate: float) -> None:
    await client.enter()
    while not client.is_over:
        await client.send(("alive", client.mono(rate)))
        await asyncio.sleep(2)


async def hold_back(client: RawClient) -> None:
    await client.enter()
    held = []
    while not client.is_over:
        held.append(("typing", client.mono()))
        await client.ping()
        await asyncio.sleep(2)
    await client.send(*held)


async def forge_acked(client: RawClient) -> None:
    await client.enter(acked=9_000_000)
    while not client.is_over:
        await client.send(("alive", client.mono()))
        await asyncio.sleep(2)


async def lose_a_queue(client: RawClient) -> None:
    """Work for a while, then come back with another queue that knows nothing of the first one."""
    await client.enter()
    while client.elapsed_s < SECONDS * 0.8:
        await client.send(("alive", client.mono()))
        await asyncio.sleep(2)
    await client.enter()
    while not client.is_over:
        await client.send(("alive", client.mono()))
        await asyncio.sleep(2)


PLANS: dict[str, Callable[[RawClient], Awaitable[None]]] = {
    "honest": work_honestly,
    "only pings": only_ping,
    "frozen mono": lambda client: run_slowly(client, 0.0),
    "half-speed mono": lambda client: run_slowly(client, 0.5),
    "held-back events": hold_back,
    "forged acked": forge_acked,
    "abandoned queue": lose_a_queue,
}
NOTES = {
    "only pings": "client_silent",
    "frozen mono": "client_clock",
    "half-speed mono": "client_clock",
    "held-back events": "client_silent",
    "forged acked": "events_missing",
    "abandoned queue": "events_missing",
}


class Ending(msgspec.Struct, frozen=True):
    """How one attempt ended."""

    coverage: float | None
    integrity: float | None
    notes: set[str]
    flags: set[str]
    observed: dict[str, Any]


@pytest.fixture(scope="module")
async def service(servers: Servers, template: str) -> AsyncIterator[Service]:
    await create_database(servers, DATABASE, template)
    try:
        with tempfile.TemporaryDirectory(prefix="veritas-observed-") as folder:
            async with run_service(1, url_of(servers, DATABASE), Path(folder)) as service:
                yield service
    finally:
        await drop_database(servers, DATABASE)


async def sit(rest: Rest, url: str, exam_id: UUID, code: str, plan: Callable[[RawClient], Awaitable[None]]) -> UUID:
    session = await rest.sign_in_by_code(code)
    attempt_id = await session.start(exam_id)
    client = RawClient(url, attempt_id, session)
    await plan(client)
    await session.submit(attempt_id)
    await client.leave()
    return attempt_id


async def read_ending(engine: AsyncEngine, attempt_id: UUID) -> Ending:
    """Wait until the attempt is analyzed with all its events."""
    async with asyncio.timeout(60):
        while True:
            async with engine.connect() as conn:
                analyzed = (
                    await conn.execute(select(BehaviorAnalysis.state).where(BehaviorAnalysis.attempt_id == attempt_id))
                ).scalar_one_or_none()
                if analyzed == "done":
                    break
            await asyncio.sleep(0.2)
    async with engine.connect() as conn:
        attempt = (
            await conn.execute(
                select(ExamAttempt.coverage, ExamAttempt.integrity_score, AnalysisCursor.observed)
                .join(AnalysisCursor, AnalysisCursor.attempt_id == ExamAttempt.id)
                .where(ExamAttempt.id == attempt_id)
            )
        ).one()
        flags = (await conn.execute(select(Flag.rule, Flag.severity).where(Flag.attempt_id == attempt_id))).all()
    return Ending(
        attempt.coverage,
        attempt.integrity_score,
        {flag.rule for flag in flags if flag.severity == "normal"},
        {flag.rule for flag in flags if flag.severity != "normal"},
        attempt.observed,
    )


@pytest.fixture(scope="module")
async def endings(service: Service) -> dict[str, Ending]:
    hub = service.hubs[0].url
    async with Rest(hub) as rest:
        teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
        exam_id = await teacher.create_exam("Physics", duration_minutes=60, preset="browser")
        students = await teacher.extend_roster(
            exam_id, [{"username": f"student-{n}", "name": name} for n, name in enumerate(PLANS)]
        )
        url = hub.replace("http", "ws") + "/ws/monitor"
        attempts = await asyncio.gather(
            *(
                sit(rest, url, exam_id, student.code, plan)
                for student, plan in zip(students, PLANS.values(), strict=True)
            )
        )
        return {
            name: await read_ending(service.engine, attempt_id)
            for name, attempt_id in zip(PLANS, attempts, strict=True)
        }


async def test_an_honest_client_is_observed_all_the_time(endings: dict[str, Ending]) -> None:
    honest = endings["honest"]
    assert (honest.coverage, honest.integrity) == (1.0, 1.0)
    # This client signs in with one program and connects with another, which is noted as two places.
    assert honest.notes.isdisjoint(NOTES.values())
    assert honest.flags == set()


@pytest.mark.parametrize("name", NOTES)
async def test_a_client_that_hides_ends_with_unobserved_time_a_note_and_no_score(
    endings: dict[str, Ending], name: str
) -> None:
    ending = endings[name]
    assert NOTES[name] in ending.notes, ending
    assert ending.flags == set(), "a note decides nothing"
    assert ending.coverage is not None
    assert ending.coverage < 0.5
    assert ending.integrity is None


async def test_all_of_it_follows_from_the_stored_events(service: Service, endings: dict[str, Ending]) -> None:
    async with service.engine.connect() as conn:
        found = await reproduce(conn)
    assert found.attempts == len(endings)
    assert (found.order, found.flags, found.scores, found.coverages) == ([], [], [], [])
