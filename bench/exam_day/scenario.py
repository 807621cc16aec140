"""One exam as it is used: all candidates sign in and connect, write for a while, and hand in when the bell rings.

A hub and a worker run as shipped, and a teacher's console watches. The record is compared at the end: what was sent,
acknowledged and stored, and each receipt; a difference ends the benchmark.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from bench.environment import Environment, Process, fetch, run_hub, run_worker
from bench.errors import BenchError
from bench.exam_day.report import Bell, ExamDay, Hall, SignIn, Spent
from bench.figures import latency
from bench.ingest import check_counts
from bench.load import workload
from bench.load.http_client import request
from bench.load.messages import AttemptTicket, LoadOutcome, LoadRequest, Pace
from bench.machine import describe, usage
from protocol.console import Delta, FlagRow
from veritas.client.console import Console
from veritas.rest import Rest, UserSession
from veritas.simulation.students import make_roster

_T = TypeVar("_T")

SIGN_INS: Final = 24
"""Sign-ins at the same time."""

PROBE_S: Final = 0.1
"""A teacher's page asks this long after each answer, while all hand in."""

ANALYZED_S: Final = 120.0
QUIET_S: Final = 2.0
_STORED: Final = """
    SELECT streams.attempt_id, count(events.seq), coalesce(max(events.seq), 0),
        count(*) FILTER (WHERE events.event_type IN ('rejected', 'events_lost'))
    FROM event_streams AS streams LEFT JOIN monitoring_events AS events ON events.stream_id = streams.id
    WHERE streams.attempt_id = ANY($1) AND streams.kind = 'client'
    GROUP BY streams.attempt_id
"""


class Seat(msgspec.Struct, frozen=True):
    """A candidate: the session, and the attempt that was started."""

    session: UserSession
    attempt_id: UUID


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How many seats write for how long, at how many events a second each, and how long the bell is."""

    seats: int
    rate: float
    seconds: float
    bell_s: float
    seed: int


class Receipt(msgspec.Struct, frozen=True):
    """The part of a receipt that is compared with what is stored."""

    events: int


class Meter:
    """CPU seconds of the processes of a run."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = self._read()
        self._began_s = time.perf_counter()

    def _read(self) -> dict[str, float]:
        return {name: usage(pid).total_s for name, pid in self._pids.items()} | {"client": time.process_time()}

    def stop(self, **more: float) -> Spent:
        """Return what was spent since the begin; `more` are CPU seconds of other processes."""
        after = self._read()
        cpu_s = {name: after[name] - before for name, before in self._before.items()}
        for name, spent_s in more.items():
            cpu_s[name] = cpu_s.get(name, 0.0) + spent_s
        return Spent(time.perf_counter() - self._began_s, cpu_s)


class Watcher:
    """A teacher's console; notes how long after its last event was stored each flag arrived."""

    def __init__(self) -> None:
        self.waits_ms: list[float] = []

    @asynccontextmanager
    async def watch(self, hub: Process, teacher: UserSession, exam_id: UUID) -> AsyncIterator[None]:
        async def get_ticket() -> str:
            return await teacher.ticket("console")

        async with Console(f"ws://{hub.address}/ws/console", get_ticket, proxy=None) as console:
            await console.watch(exam_id)
            reading = asyncio.create_task(self._read(console))
            try:
                yield
            finally:
                reading.cancel()

    async def _read(self, console: Console) -> None:
        async for frame in console:
            if isinstance(frame, Delta) and frame.kind == "flag":
                row = msgspec.json.decode(frame.body, type=FlagRow)
                if row.last_fact_at is not None:
                    self.waits_ms.append(time.time() * 1000 - row.last_fact_at)


def run(environment: Environment, shape: Shape, *, has_bell: bool) -> ExamDay:
    """Run one exam. Raises BenchError if the record differs from what was sent."""
    with run_hub(environment) as hub, run_worker(environment) as worker, Generator(shape, environment.folder) as load:
        pids = {
            "hub": hub.pid,
            "worker": worker,
            "PostgreSQL": environment.postgres_pid,
            "Redis": environment.redis_pid,
        }
        return asyncio.run(_run(environment, hub, pids, shape, load, has_bell=has_bell))


async def _run(
    environment: Environment, hub: Process, pids: Mapping[str, int], shape: Shape, load: "Generator", *, has_bell: bool
) -> ExamDay:
    async with Rest(f"http://{hub.address}") as rest:
        teacher = await rest.sign_in(environment.teacher.username, environment.teacher.password)
        exam_id = await teacher.create_exam("bench", duration_minutes=600, preset="browser")
        enrolled = await teacher.extend_roster(exam_id, make_roster(shape.seats))
        watcher = Watcher()
        async with watcher.watch(hub, teacher, exam_id):
            meter = Meter(pids)
            seats, steps = await _sign_in(rest, exam_id, [student.code for student in enrolled])
            tickets = await asyncio.gather(*(seat.session.ticket("monitor") for seat in seats))
            attempts = [AttemptTicket(seat.attempt_id, ticket) for seat, ticket in zip(seats, tickets, strict=True)]
            await load.connect(f"ws://{hub.address}/ws/monitor", attempts, shape)
            sign_in = SignIn(meter.stop(), shape.seats, {name: latency(waits) for name, waits in steps.items()})
            meter = Meter(pids)
            outcome = await load.play()
            spent = meter.stop(client=outcome.cpu_s)
            await asyncio.sleep(QUIET_S)
            hall = Hall(spent, outcome.acked, outcome.waits, latency(watcher.waits_ms) if watcher.waits_ms else None)
            bell = await _ring(environment, hub, pids, shape, seats, teacher) if has_bell else None
    rows = await fetch(environment, _STORED, [seat.attempt_id for seat in seats])
    check_counts(outcome, [seat.attempt_id for seat in seats], {row[0]: tuple(row)[1:] for row in rows})
    return ExamDay(machine=describe(), sign_in=sign_in, hall=hall, bell=bell)


async def _sign_in(rest: Rest, exam_id: UUID, codes: list[str]) -> tuple[list[Seat], dict[str, list[float]]]:
    steps: dict[str, list[float]] = {"code": [], "start": []}
    slots = asyncio.Semaphore(SIGN_INS)

    async def sign_in(code: str) -> Seat:
        async with slots:
            session = await _timed(lambda: rest.sign_in_by_code(code), steps["code"])
            return Seat(session, await _timed(lambda: session.start(exam_id), steps["start"]))

    return await asyncio.gather(*(sign_in(code) for code in codes)), steps


async def _timed(work: Callable[[], Awaitable[_T]], waits_ms: list[float]) -> _T:
    sent_s = time.perf_counter()
    result = await work()
    waits_ms.append((time.perf_counter() - sent_s) * 1000)
    return result


async def _ring(
    environment: Environment,
    hub: Process,
    pids: Mapping[str, int],
    shape: Shape,
    seats: list[Seat],
    teacher: UserSession,
) -> Bell:
    """Hand in all attempts within `bell_s`, while a teacher's page and a health check go on."""
    random = Random(shape.seed)  # noqa: S311 - a seed makes a run repeatable
    took_ms: list[float] = []
    others_ms: list[float] = []
    receipts: dict[UUID, Receipt] = {}
    refused = 0
    began_s = time.perf_counter()

    async def hand_in(seat: Seat) -> None:
        nonlocal refused
        token = (await seat.session.access()).token
        await asyncio.sleep(max(0.0, began_s + random.uniform(0, shape.bell_s) - time.perf_counter()))
        sent_s = time.perf_counter()
        while True:
            status, body = await request(
                hub.address, "POST", f"/student/exams/{seat.attempt_id}/submit", token=token, body=b"{}"
            )
            if status == 200:
                break
            refused += 1
            await asyncio.sleep(1)
        took_ms.append((time.perf_counter() - sent_s) * 1000)
        receipts[seat.attempt_id] = msgspec.json.decode(body, type=Receipt)

    async def probe() -> None:
        token = (await teacher.access()).token
        while True:
            sent_s = time.perf_counter()
            status, _ = await request(hub.address, "GET", "/teacher/dashboard", token=token)
            if status != 200:
                raise BenchError(f"the dashboard answered {status}")
            others_ms.append((time.perf_counter() - sent_s) * 1000)
            await asyncio.sleep(PROBE_S)

    meter = Meter(pids)
    probing = asyncio.create_task(probe())
    await asyncio.gather(*(hand_in(seat) for seat in seats))
    last_s = time.perf_counter() - began_s
    probing.cancel()
    analyzed_s = await _wait_until_analyzed(environment, [seat.attempt_id for seat in seats], began_s)
    spent = meter.stop()
    await _check_receipts(environment, receipts)
    return Bell(spent, len(seats), last_s, refused, latency(took_ms), latency(others_ms), analyzed_s)


async def _wait_until_analyzed(environment: Environment, attempts: list[UUID], began_s: float) -> float:
    while time.perf_counter() - began_s < ANALYZED_S:
        rows = await fetch(
            environment,
            "SELECT count(*) FROM behavior_analysis WHERE attempt_id = ANY($1) AND state = 'done'",
            attempts,
        )
        if rows[0][0] == len(attempts):
            return time.perf_counter() - began_s
        await asyncio.sleep(0.25)
    raise BenchError(f"not all attempts were analyzed within {ANALYZED_S:.0f} s")


async def _check_receipts(environment: Environment, receipts: Mapping[UUID, Receipt]) -> None:
    rows = await fetch(environment, _STORED, list(receipts))
    for attempt_id, events, _, _ in rows:
        if receipts[attempt_id].events != events:
            raise BenchError(f"{attempt_id}: the receipt names {receipts[attempt_id].events} of {events} events")


class Generator:
    """The load generator, a separate process that sends what all seats write."""

    def __init__(self, shape: Shape, folder: Path) -> None:
        self._file = folder / "hall.recordings"
        self._shape = shape

    def __enter__(self) -> "Generator":
        argv = [sys.executable, "-m", "bench.load.generator", str(self._file)]
        made = workload.record_hall(
            self._shape.seats,
            self._shape.seconds,
            rate=self._shape.rate,
            seed=self._shape.seed,
            started_ms=time.time_ns() // 1_000_000,
        )
        self._file.write_bytes(msgspec.msgpack.encode(made))
        self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ours
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()

    async def connect(self, url: str, attempts: list[AttemptTicket], shape: Shape) -> None:
        """Open all sockets, and wait until all are welcomed."""
        self._send(
            msgspec.json.encode(
                LoadRequest(
                    url=url,
                    pace=Pace.STEADY,
                    attempts=attempts,
                    rate=shape.seats * shape.rate,
                    limit_s=shape.seconds + 30,
                )
            )
        )
        if await self._read() != b"ready":
            raise BenchError("the load generator did not connect")

    async def play(self) -> LoadOutcome:
        """Send everything; return the outcome after the last acknowledgement."""
        self._send(b"go")
        return msgspec.json.decode(await self._read(), type=LoadOutcome)

    def _send(self, line: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line + b"\n")
        self._child.stdin.flush()

    async def _read(self) -> bytes:
        assert self._child.stdout is not None
        line: bytes = await asyncio.to_thread(self._child.stdout.readline)
        if not line:
            raise BenchError("the load generator ended")
        return line.strip()
