"""`sockets`: many candidates are connected and send `alive` every five seconds. Measures memory and CPU by socket."""

import asyncio
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import msgspec

from bench.environment import Environment
from bench.figures import Latency
from bench.load.crowd import CrowdRequest
from bench.scenarios.child import run_crowd
from bench.scenarios.seating import seat_students
from bench.scenarios.stack import Meter, RunningStack, Spent, check_ledger, open_stack, wait_until_judged
from veritas.rest import Rest

ALIVE_S = 5.0
OPEN_S = 300.0
SPARE_FILES = 1_000


class SocketsShape(msgspec.Struct, frozen=True, kw_only=True):
    """The load of `sockets`."""

    sockets: int
    seconds: float
    seed: int = 1


class Sockets(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `sockets`. `socket_kb` is the hub's resident memory per socket, `hub_mb` before and after."""

    shape: SocketsShape
    spent: Spent
    events: int
    connect_s: float
    opened: Latency
    acks: Latency
    hub_mb: tuple[float, float]
    socket_kb: float
    told_to_wait: int
    closes: dict[int, int]


def allow_files(count: int) -> None:
    """Allow this process and its children this many open files, as far as the system allows it."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    wanted = count + SPARE_FILES
    if soft < wanted:
        setrlimit(RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(environment: Environment, shape: SocketsShape, *, reproduce: bool) -> Sockets:
    """Connect everyone and listen. Raises BenchError if the record differs from what was sent."""
    allow_files(shape.sockets)
    with open_stack(environment) as stack:
        found = asyncio.run(_run(stack, shape))
        stack.verify(reproduce=reproduce)
    return found


async def _run(stack: RunningStack, shape: SocketsShape) -> Sockets:
    login = stack.environment.teacher
    async with Rest(f"http://127.0.0.1:{stack.port}") as rest, run_crowd() as crowd:
        teacher = await rest.sign_in(login.username, login.password)
        exam = await seat_students(stack, rest, teacher, shape.sockets)
        request = CrowdRequest(
            port=stack.port,
            seats=exam.seats,
            rate=1 / ALIVE_S,
            seconds=shape.seconds,
            per_frame=1,
            kind="alive",
            seed=shape.seed,
            patience_s=OPEN_S,
        )
        before_mb = resident_mb(stack.pids["hub"])
        ready = await crowd.open(request)
        await wait_until_judged(stack, exam.attempts, OPEN_S)
        meter = Meter(stack.pids | {"generator": crowd.pid})
        outcome = await crowd.write()
        spent = meter.stop()
        after_mb = resident_mb(stack.pids["hub"])
        events = await check_ledger(stack, exam.attempts, outcome.sent, outcome.acked)
        await wait_until_judged(stack, exam.attempts, OPEN_S)
    assert outcome.waits is not None
    return Sockets(
        shape=shape,
        spent=spent,
        events=events,
        connect_s=ready.seconds,
        opened=ready.opened,
        acks=outcome.waits,
        hub_mb=(before_mb, after_mb),
        socket_kb=(after_mb - before_mb) * 1024 / shape.sockets,
        told_to_wait=outcome.told_to_wait,
        closes=outcome.closes,
    )
