"""A console stops reading while its board is busy: it costs the hub less than 2 MB and delays no other client."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import ClientConnection, connect

from db.models import Exam
from db.queries.accounts import credentials
from db.settings import DatabaseSettings
from hub.auth.tickets import draw_secret, hash_secret
from hub.sockets import size_of
from protocol import console, monitor
from protocol.codec import Encoding, decode_to_candidate, decode_to_console, encode
from protocol.codes import CloseCode
from protocol.events import Event
from tests.faults.hubs import Hub, TicketedAttempt, make_attempts, run_hub
from tests.hub.serving import read_close

pytestmark = pytest.mark.long

STUDENTS = 150
SENDING = 20
EVERY_S = 0.1
WARM_UP_S = 2.0
ALONE_S = 5.0
"""How long the others are measured before the slow console connects."""

CLOSED_S = 40.0
"""It is closed 10 s after its socket accepts no more bytes; filling the buffers of the kernel takes some seconds."""

BULK = "å" * 2_000
BULK_EVERY_S = 0.25
QUEUED_BYTES = 2_000_000
GROWTH_BYTES = 24_000_000


class Latencies:
    """Latencies without the slow console and with it, in ms. Nothing is measured while `slow` is None."""

    def __init__(self) -> None:
        self.slow: bool | None = None
        self._taken: dict[bool, list[float]] = {False: [], True: []}

    def take(self, began_s: float) -> None:
        if self.slow is not None:
            self._taken[self.slow].append(1000 * (time.perf_counter() - began_s))

    def describe(self) -> str:
        alone, beside = self._percentiles(slow=False), self._percentiles(slow=True)
        parts = [
            f"{name} {before:.1f} → {after:.1f} ms, ratio {after / before:.2f}"
            for name, before, after in zip(("p50", "p99"), alone, beside, strict=True)
        ]
        return f"{'; '.join(parts)} ({len(self._taken[False])} and {len(self._taken[True])} measured)"

    def _percentiles(self, *, slow: bool) -> tuple[float, float]:
        taken = sorted(self._taken[slow])
        assert taken
        return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


class CandidateSender:
    """A candidate that sends an event every tenth of a second and reads everything."""

    def __init__(self, attempt: TicketedAttempt, latencies: Latencies) -> None:
        self._seat = attempt
        self._latencies = latencies
        self._sent_s: dict[int, float] = {}
        self.acked = 0

    async def work(self, url: str, ending: asyncio.Event) -> None:
        async with connect(url, proxy=None) as client:
            hello = monitor.Hello(
                ticket=await self._seat.ticket(),
                attempt_id=self._seat.attempt_id,
                boot=uuid4(),
                acked=0,
                next_seq=1,
                client=monitor.Client("test", "1"),
                mono=0,
                at=int(1000 * time.time()),
            )
            await client.send(encode(hello, Encoding.JSON))
            reading = asyncio.create_task(self._read(client))
            while not ending.is_set() or self._sent_s:
                await asyncio.sleep(EVERY_S)
                if not ending.is_set():
                    await self._send(client)
                assert not reading.done(), reading.result()
            await client.send(encode(monitor.Bye(), Encoding.JSON))
            assert await reading == CloseCode.NORMAL

    async def _send(self, client: ClientConnection) -> None:
        seq = self.acked + len(self._sent_s) + 1
        self._sent_s[seq] = time.perf_counter()
        event = Event(type="typing", at=int(1000 * time.time()), mono=seq, data={"item": "1", "chars": 1, "ms": 9})
        await client.send(encode(monitor.Events(seq, [event]), Encoding.JSON))

    async def _read(self, client: ClientConnection) -> int | None:
        async for data in client:
            frame = decode_to_candidate(data, Encoding.JSON)
            if isinstance(frame, monitor.Ack):
                assert frame.rejected == []
                for seq in range(self.acked + 1, frame.seq + 1):
                    self._latencies.take(self._sent_s.pop(seq))
                self.acked = frame.seq
        return client.close_code


class ExamCreator:
    """The creator of the exam, who opens consoles on it."""

    def __init__(self, engine: AsyncEngine, hub: Hub, exam_id: UUID, user_id: UUID) -> None:
        self._engine = engine
        self._address = hub.base_url.removeprefix("http://")
        self.exam_id = exam_id
        self.user_id = user_id

    @asynccontextmanager
    async def open(self, *, watching: bool, small_buffers: bool = False) -> AsyncIterator[ClientConnection]:
        """Open a console and read its board if it watches; one with `small_buffers` has room for very few frames."""
        raw = socket.socket()
        if small_buffers:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = self._address.split(":")
        await asyncio.to_thread(raw.connect, (host, int(port)))
        async with connect(
            f"ws://{self._address}/ws/console",
            sock=raw,
            proxy=None,
            max_queue=1 if small_buffers else 16,
            ping_interval=None,
            close_timeout=1,
        ) as client:
            await client.send(encode(console.Hello(ticket=await self._ticket()), Encoding.JSON))
            await client.recv()
            if watching:
                await client.send(encode(console.Watch(self.exam_id), Encoding.JSON))
                while True:
                    part = decode_to_console(await client.recv(), Encoding.JSON)
                    if isinstance(part, console.Snapshot) and part.part == part.parts:
                        break
            yield client

    async def _ticket(self) -> str:
        session, ticket = uuid4(), draw_secret()
        async with self._engine.begin() as conn:
            await credentials.open_session(
                conn, session=session, user_id=self.user_id, token_hash=hash_secret(draw_secret())
            )
            await credentials.issue_ticket(
                conn, ticket_hash=hash_secret(ticket), user_id=self.user_id, session=session, purpose="console"
            )
        return ticket

    def message(self, to: Sequence[UUID], text: str) -> str | bytes:
        command = console.Command(id=uuid4(), exam_id=self.exam_id, action="message", to=list(to), text=text)
        return encode(command, Encoding.JSON)


class Reader:
    """A console that reads: follows every offset, and measures how soon its own messages are on its board."""

    def __init__(self, teacher: ExamCreator, client: ClientConnection, latencies: Latencies) -> None:
        self._teacher = teacher
        self._client = client
        self._latencies = latencies
        self._sent_s: dict[str, float] = {}
        self._seen = asyncio.Event()
        self.bytes = 0

    async def send_messages(self, attempts: Sequence[UUID], ending: asyncio.Event) -> None:
        """Send a message to one candidate after the other."""
        number = 0
        while not ending.is_set():
            await asyncio.sleep(EVERY_S / 5)
            number += 1
            self._sent_s[f"probe {number}"] = time.perf_counter()
            await self._client.send(self._teacher.message([attempts[number % len(attempts)]], f"probe {number}"))
            await self._seen.wait()
            self._seen.clear()

    async def read(self) -> None:
        offset = 0
        while True:
            data = await self._client.recv()
            self.bytes += size_of(data)
            frame = decode_to_console(data, Encoding.JSON)
            assert not isinstance(frame, console.Resync | console.Snapshot | monitor.Error), frame
            if isinstance(frame, console.Delta):
                assert offset in (0, frame.offset - 1)
                offset = frame.offset
                text = json.loads(bytes(frame.body)).get("text") or ""
                if text.startswith("probe"):
                    self._latencies.take(self._sent_s.pop(text))
                    self._seen.set()


async def keep_busy(
    teacher: ExamCreator, client: ClientConnection, attempts: Sequence[UUID], ending: asyncio.Event
) -> None:
    """Change the board as fast as possible: long messages to all candidates that are not connected."""
    while not ending.is_set():
        await client.send(teacher.message(attempts, BULK))
        while not isinstance(frame := decode_to_console(await client.recv(), Encoding.JSON), console.Result):
            pass
        assert frame.code is None, frame
        await asyncio.sleep(BULK_EVERY_S)


class Gauges:
    """The metrics of the hub, ten times a second: bytes queued for consoles, and its memory."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.waiting: list[int] = []
        self.resident: list[int] = []
        self.too_slow = asyncio.Event()

    async def watch(self) -> None:
        async with httpx.AsyncClient(base_url=self._hub.base_url, trust_env=False) as http:
            while True:
                text = (await http.get("/metrics")).text
                self.waiting.append(int(_read(text, "veritas_console_waiting_bytes")))
                self.resident.append(self._resident())
                if _read(text, 'veritas_socket_closes_total{code="too_slow",kind="console"}'):
                    self.too_slow.set()
                await asyncio.sleep(0.1)

    def _resident(self) -> int:
        status = Path(f"/proc/{self._hub.process.pid}/statm")
        return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


def _read(metrics: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_a_console_that_stops_reading_delays_no_other_client(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts = await make_attempts(engine, STUDENTS)
    connected, offline = attempts[:SENDING], [attempt.attempt_id for attempt in attempts[SENDING:]]
    async with engine.connect() as conn:
        exam_id, user_id = (await conn.execute(select(Exam.id, Exam.creator_id))).one()
    acks, deltas, ending = Latencies(), Latencies(), asyncio.Event()
    senders = [CandidateSender(attempt, acks) for attempt in connected]
    async with run_hub(database, tmp_path) as hub, AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        teacher, gauges = ExamCreator(engine, hub, exam_id, user_id), Gauges(hub)
        reader = Reader(teacher, await stack.enter_async_context(teacher.open(watching=True)), deltas)
        driver = await stack.enter_async_context(teacher.open(watching=False))
        for sender in senders:
            tasks.create_task(sender.work(hub.url, ending))
        sending = tasks.create_task(reader.send_messages([attempt.attempt_id for attempt in connected], ending))
        tasks.create_task(keep_busy(teacher, driver, offline, ending))
        endless = [tasks.create_task(work) for work in (reader.read(), gauges.watch())]
        await asyncio.sleep(WARM_UP_S)
        acks.slow = deltas.slow = False
        await asyncio.sleep(ALONE_S)

        resident_before, first = max(gauges.resident), len(gauges.waiting)
        async with teacher.open(watching=True, small_buffers=True) as slow:
            began_s, before = time.perf_counter(), reader.bytes
            acks.slow = deltas.slow = True
            async with asyncio.timeout(CLOSED_S):
                await gauges.too_slow.wait()
            closed_s, sent = time.perf_counter() - began_s, reader.bytes - before
            ending.set()
            assert (await read_close(slow))[0] == CloseCode.TOO_SLOW
        await sending  # its results are read until the reader is cancelled
        await asyncio.sleep(1)
        for task in endless:
            task.cancel()

    queued, growth = max(gauges.waiting[first:]), max(gauges.resident[first:]) - resident_before
    with capsys.disabled():
        print(  # noqa: T201
            f"\na console that stopped reading while {sent / 1e6:.1f} MB were sent to its neighbor: closed 4504 after "
            f"{closed_s:.1f} s; at most {queued / 1e6:.2f} MB queued, the hub grew by {growth / 1e6:.1f} MB"
            f"\n  acks of {SENDING} candidates: {acks.describe()}"
            f"\n  a change to the screen of a console that reads: {deltas.describe()}"
        )
    assert 0 < queued < QUEUED_BYTES < sent
    assert growth < GROWTH_BYTES
    assert gauges.waiting[-1] < 100_000
    assert min(sender.acked for sender in senders) > 50
