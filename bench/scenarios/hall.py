"""`hall`: everyone of one exam writes, rules and a console are on. Some paste after an absence: a flag at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import msgspec

from bench.environment import Environment
from bench.errors import BenchError
from bench.figures import Latency, latency
from bench.load.crowd import CrowdRequest
from bench.scenarios.child import run_crowd
from bench.scenarios.seating import seat_students
from bench.scenarios.stack import LivenessProbe, Meter, RunningStack, Spent, check_ledger, open_stack, wait_until_judged
from protocol.console import Delta, FlagRow, Snapshot
from veritas.client.console import Console
from veritas.rest import Rest, UserSession

PLANTED_RULE = "left_then_pasted"
FLAGS_S = 60.0


class HallShape(msgspec.Struct, frozen=True, kw_only=True):
    """The load of `hall`. One seat in `planted_every` pastes."""

    seats: int
    rate: float
    seconds: float
    planted_every: int = 4
    seed: int = 1


class Hall(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `hall`: `acks` from when a frame was due, `console` from sending a paste to the delta of its flag."""

    shape: HallShape
    spent: Spent
    events: int
    connect_s: float
    acks: Latency
    console: Latency
    flags: int
    lag_s: float
    stall_ms: float
    generator_late_ms: float
    judged_after_s: float
    told_to_wait: int
    closes: dict[int, int]


class FlagWatcher:
    """A teacher's console that notes when the flag of each planted paste arrived."""

    def __init__(self) -> None:
        self.arrived_at: dict[UUID, float] = {}
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def watch(self, stack: RunningStack, teacher: UserSession, exam_id: UUID) -> AsyncIterator[None]:
        """Follow an exam until the block ends; begins with its snapshot."""

        async def get_ticket() -> str:
            return await teacher.ticket("console")

        ready = asyncio.Event()
        async with Console(f"ws://127.0.0.1:{stack.port}/ws/console", get_ticket, proxy=None) as console:
            await console.watch(exam_id)
            reading = asyncio.create_task(self._read(console, ready))
            try:
                async with asyncio.timeout(FLAGS_S):
                    await ready.wait()
                yield
            finally:
                reading.cancel()

    async def _read(self, console: Console, ready: asyncio.Event) -> None:
        async for frame in console:
            if isinstance(frame, Delta) and frame.kind == "flag":
                row = msgspec.json.decode(frame.body, type=FlagRow)
                if row.rule == PLANTED_RULE:
                    self.arrived_at.setdefault(row.attempt_id, time.time())
                    self._changed.set()
            elif isinstance(frame, Snapshot):
                ready.set()

    async def wait_for(self, planted: dict[UUID, float]) -> Latency:
        """Wait for the flags of these pastes; returns the latencies. Raises BenchError if one is missing or extra."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLAGS_S):
                while planted.keys() - self.arrived_at.keys():
                    self._changed.clear()
                    await self._changed.wait()
        if planted.keys() != self.arrived_at.keys():
            raise BenchError(f"{len(planted)} flags expected, {len(self.arrived_at)} arrived")
        return latency((self.arrived_at[attempt] - sent_at) * 1000 for attempt, sent_at in planted.items())


def run(environment: Environment, shape: HallShape, *, reproduce: bool) -> Hall:
    """Run one hall. Raises BenchError if the record or a flag differs from what was sent."""
    with open_stack(environment) as stack:
        hall = asyncio.run(_run(stack, shape))
        stack.verify(reproduce=reproduce)
    return hall


async def _run(stack: RunningStack, shape: HallShape) -> Hall:
    teacher_login = stack.environment.teacher
    async with Rest(f"http://127.0.0.1:{stack.port}") as rest, run_crowd() as crowd:
        teacher = await rest.sign_in(teacher_login.username, teacher_login.password)
        exam = await seat_students(stack, rest, teacher, shape.seats)
        arrivals = FlagWatcher()
        async with arrivals.watch(stack, teacher, exam.exam_id):
            request = CrowdRequest(
                port=stack.port,
                seats=exam.seats,
                rate=shape.rate,
                seconds=shape.seconds,
                planted_every=shape.planted_every,
                seed=shape.seed,
            )
            ready = await crowd.open(request)
            await wait_until_judged(stack, exam.attempts)
            probe = LivenessProbe(stack)
            meter = Meter(stack.pids | {"generator": crowd.pid})
            outcome = await crowd.write()
            spent = meter.stop()
            await probe.stop()
            console = await arrivals.wait_for(outcome.planted)
            judged_after_s = await wait_until_judged(stack, exam.attempts)
        events = await check_ledger(stack, exam.attempts, outcome.sent, outcome.acked)
    assert outcome.waits is not None
    return Hall(
        shape=shape,
        spent=spent,
        events=events,
        connect_s=ready.seconds,
        acks=outcome.waits,
        console=console,
        flags=console.count,
        lag_s=max(probe.lags_s, default=0.0),
        stall_ms=max(probe.waits_ms, default=0.0),
        generator_late_ms=outcome.late_ms,
        judged_after_s=judged_after_s,
        told_to_wait=outcome.told_to_wait,
        closes=outcome.closes,
    )
