"""`reconnect`: the hub is killed while everyone writes, and started again. Nothing acknowledged may be lost."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from bench.environment import READY_S, Environment, wait_until_ready
from bench.errors import BenchError
from bench.figures import Latency, latency
from bench.load.crowd import CrowdRequest
from bench.machine import usage
from bench.scenarios.child import run_crowd
from bench.scenarios.seating import seat_students
from bench.scenarios.sockets import allow_files
from bench.scenarios.stack import Meter, RunningStack, Spent, check_ledger, wait_until_judged
from veritas.embedded.processes import ChildCommand, launch
from veritas.rest import Rest

WRITE_S = 30.0
"""How long everyone writes. The hub is killed after a third of it."""

TICKETS = 12
"""Connections that each client can open: about a minute of its pauses."""

PATIENCE_S = 240.0


class ReconnectShape(msgspec.Struct, frozen=True, kw_only=True):
    """The load of `reconnect`: each socket writes an event every `every_s`."""

    sockets: int
    every_s: float = 5.0
    seconds: float = WRITE_S
    seed: int = 1


class Reconnect(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `reconnect`: `back` from the first lost socket, `down_s` from the kill until the new hub is ready."""

    shape: ReconnectShape
    spent: Spent
    events: int
    resent: int
    down_s: float
    back: Latency
    acks: Latency
    closes: dict[int, int]


def run(environment: Environment, shape: ReconnectShape, *, reproduce: bool) -> Reconnect:
    """Kill the hub once. Raises BenchError if a client stays away or the record differs from what was sent."""
    allow_files(shape.sockets)
    stack = RunningStack(environment)
    with ExitStack() as running:
        running.enter_context(stack.run_worker())
        found = asyncio.run(_run(stack, shape, running))
        stack.verify(reproduce=reproduce)
    return found


async def _run(stack: RunningStack, shape: ReconnectShape, running: ExitStack) -> Reconnect:
    login = stack.environment.teacher
    with start_hub(stack) as hub:
        async with Rest(f"http://127.0.0.1:{stack.port}") as rest, run_crowd() as crowd:
            teacher = await rest.sign_in(login.username, login.password)
            exam = await seat_students(stack, rest, teacher, shape.sockets, tickets=TICKETS)
            request = CrowdRequest(
                port=stack.port,
                seats=exam.seats,
                rate=1 / shape.every_s,
                seconds=shape.seconds,
                per_frame=1,
                seed=shape.seed,
                patience_s=PATIENCE_S,
            )
            await crowd.open(request)
            await wait_until_judged(stack, exam.attempts, PATIENCE_S)
            meter = Meter({**stack.pids, "generator": crowd.pid})
            writing = asyncio.create_task(crowd.write())
            await asyncio.sleep(shape.seconds / 3)
            lost_s = meter.read_one("hub")
            killed_s = time.perf_counter()
            hub.kill()
            await asyncio.to_thread(hub.wait)
            again = running.enter_context(start_hub(stack))
            down_s = time.perf_counter() - killed_s
            outcome = await writing
            spent = meter.stop(hub=lost_s + usage(again.pid).total_s)
            events = await check_ledger(stack, exam.attempts, outcome.sent, outcome.acked)
            await wait_until_judged(stack, exam.attempts, PATIENCE_S)
    if len(outcome.back_s) < shape.sockets or outcome.waits is None:
        raise BenchError(f"{len(outcome.back_s)} of {shape.sockets} clients came back")
    return Reconnect(
        shape=shape,
        spent=spent,
        events=events,
        resent=outcome.resent,
        down_s=down_s,
        back=latency(back_s * 1000 for back_s in outcome.back_s),
        acks=outcome.waits,
        closes=outcome.closes,
    )


@contextmanager
def start_hub(stack: RunningStack) -> Iterator[subprocess.Popen[bytes]]:
    """Run a hub that may be killed: it has its own process here, so that its end is no error."""
    servers = stack.environment.servers
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VERITAS_")}
    environ = {
        "VERITAS_DATABASE_URL": servers.database_url,
        "VERITAS_REDIS_URL": servers.redis_url,
        "VERITAS_JWT_SECRET": stack.jwt_secret,
        "VERITAS_PORT": str(stack.port),
    }
    log = stack.environment.folder / "hub.log"
    argv = (sys.executable, "-m", "veritas.cli", "serve")
    process = launch(ChildCommand(argv=argv, environ=inherited | environ, log=log))
    try:
        wait_until_ready(f"http://127.0.0.1:{stack.port}/health/ready")
        stack.pids["hub"] = process.pid
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(READY_S)
