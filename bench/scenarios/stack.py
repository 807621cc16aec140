"""The processes of a scenario, what they spend, and the check of the record after it. Never loads anything itself."""

import asyncio
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final
from uuid import UUID

import msgspec

from bench.environment import Environment, Process, fetch, run_hub, run_worker
from bench.errors import BenchError
from bench.load.requests import Requests
from bench.machine import busy_s, describe, free_port, usage
from db.settings import Secret
from hub.settings import HubSettings

SATURATED: Final = 0.85
"""Share of one core, or of all cores, from which on a process or the machine limits."""

SETTLED_S: Final = 180.0
_STORED: Final = """
    SELECT streams.attempt_id, count(events.seq), coalesce(max(events.seq), 0),
        count(*) FILTER (WHERE events.event_type IN ('rejected', 'events_lost'))
    FROM event_streams AS streams LEFT JOIN monitoring_events AS events ON events.stream_id = streams.id
    WHERE streams.attempt_id = ANY($1) AND streams.kind = 'client'
    GROUP BY streams.attempt_id
"""


class Spent(msgspec.Struct, frozen=True):
    """Wall time and CPU seconds by process. `others`: cores that other programs used meanwhile."""

    seconds: float
    cpu_s: dict[str, float]
    others: float

    @property
    def cores(self) -> float:
        """Cores that all processes together used."""
        return sum(self.cpu_s.values()) / self.seconds

    def limit(self, cores: int) -> str:
        """Name what limits: the machine, the busiest process, or waiting."""
        if self.cores + self.others > SATURATED * cores:
            return "the machine" + (f" ({self.others:.1f} cores by other programs)" if self.others > 0.15 else "")
        name, most_s = max(self.cpu_s.items(), key=lambda each: each[1])
        return name if most_s > SATURATED * self.seconds else "waiting: no process is saturated"


class Meter:
    """Measures CPU seconds from now on, by process. `own` is the process of the benchmark."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = self._read()
        self._busy_s = busy_s()
        self._began_s = time.perf_counter()

    def read_one(self, name: str) -> float:
        """Return what one process has spent since the beginning; read it before the process ends."""
        return usage(self._pids[name]).total_s - self._before[name]

    def stop(self, **known_s: float) -> Spent:
        """Return what was spent since the beginning; `known_s` replaces the figures of processes that have ended."""
        seconds, after = time.perf_counter() - self._began_s, self._read()
        cpu_s = {name: after[name] - before for name, before in self._before.items()} | known_s
        others = max(0.0, (busy_s() - self._busy_s - sum(cpu_s.values())) / seconds)
        return Spent(seconds, cpu_s, others)

    def _read(self) -> dict[str, float]:
        return {name: usage(pid).total_s for name, pid in self._pids.items()} | {"bench": time.process_time()}


class RunningStack:
    """A hub, a worker and the servers. The hub keeps its port and its key when it is started again."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.jwt_secret = secrets.token_urlsafe(48)
        self.port = free_port()
        self.worker_metrics = free_port()
        self.pids = {"PostgreSQL": environment.postgres_pid, "Redis": environment.redis_pid}

    @property
    def settings(self) -> HubSettings:
        """Settings of the hub, to sign tokens as it does."""
        servers = self.environment.servers
        return HubSettings(
            database_url=servers.database_url, redis_url=servers.redis_url, jwt_secret=Secret(self.jwt_secret)
        )

    @contextmanager
    def run_hub(self) -> Iterator[Process]:
        """Run the hub while the block runs."""
        more = {"VERITAS_JWT_SECRET": self.jwt_secret, "VERITAS_PORT": str(self.port)}
        with run_hub(self.environment, **more) as hub:
            self.pids["hub"] = hub.pid
            yield Process(hub.pid, f"127.0.0.1:{self.port}")

    @contextmanager
    def run_worker(self) -> Iterator[int]:
        """Run the worker while the block runs."""
        with run_worker(self.environment, VERITAS_METRICS_PORT=str(self.worker_metrics)) as pid:
            self.pids["worker"] = pid
            yield pid

    def verify(self, *, reproduce: bool) -> None:
        """Run `veritas verify` on the stored record. Raises BenchError if it finds a breach."""
        argv = [sys.executable, "-m", "veritas.cli", "verify", *(["--reproduce"] if reproduce else [])]
        servers = self.environment.servers
        environ = {"VERITAS_DATABASE_URL": servers.owner_url, "VERITAS_REDIS_URL": servers.redis_url, "PATH": ""}
        found = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if found.returncode != 0:
            raise BenchError(f"veritas verify found a breach:\n{found.stdout}{found.stderr}")


@contextmanager
def open_stack(environment: Environment, *, worker: bool = True) -> Iterator[RunningStack]:
    """Run a hub, and a worker unless it is left out."""
    stack = RunningStack(environment)
    with ExitStack() as running:
        running.enter_context(stack.run_hub())
        if worker:
            running.enter_context(stack.run_worker())
        yield stack


async def check_ledger(stack: RunningStack, attempts: Sequence[UUID], sent: Sequence[int], acked: Sequence[int]) -> int:
    """Compare sent, acknowledged and stored events of each attempt; returns their sum. Raises BenchError."""
    rows = await fetch(stack.environment, _STORED, list(attempts))
    stored = {row[0]: tuple(row)[1:] for row in rows}
    for attempt_id, of_seat, known in zip(attempts, sent, acked, strict=True):
        found = stored.get(attempt_id, (0, 0, 0))
        if of_seat != known or found != (known, known, 0):
            raise BenchError(f"{attempt_id}: {of_seat} sent, {known} acknowledged, (stored, last, lost) {found}")
    return sum(sent)


async def wait_until_judged(stack: RunningStack, attempts: Sequence[UUID], patience_s: float = SETTLED_S) -> float:
    """Wait until the worker has folded every event of these attempts; returns the seconds. Raises BenchError."""
    began_s = time.perf_counter()
    while time.perf_counter() - began_s < patience_s:
        if await count_unjudged(stack, attempts) == 0:
            return time.perf_counter() - began_s
        await asyncio.sleep(0.5)
    raise BenchError(f"not all events were judged within {patience_s:.0f} s")


async def count_unjudged(stack: RunningStack, attempts: Sequence[UUID]) -> int:
    """Count the events of these attempts that are stored and not folded."""
    [row] = await fetch(
        stack.environment,
        """
        SELECT (SELECT count(*) FROM monitoring_events AS events JOIN event_streams AS streams
                ON streams.id = events.stream_id WHERE streams.attempt_id = ANY($1))
            - (SELECT coalesce(sum(analysis_cursors.facts), 0) FROM analysis_cursors WHERE attempt_id = ANY($1))
        """,
        list(attempts),
    )
    return int(row[0])


class LivenessProbe:
    """Asks the hub for a sign of life every 50 ms and the worker for its lag every second, until it is stopped.

    The longest wait bounds how long the hub's loop was blocked.
    """

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self.waits_ms: list[float] = []
        self.lags_s: list[float] = []
        self._tasks = [asyncio.create_task(self._ask_hub()), asyncio.create_task(self._ask_worker())]

    async def stop(self) -> None:
        """Stop asking. Raises what a task has failed with."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _ask_hub(self) -> None:
        async with Requests(self._stack.port, "127.250.0.1") as requests:
            while True:
                with suppress(OSError):
                    self.waits_ms.append((await requests.send("GET", "/health/live")).took_ms)
                await asyncio.sleep(0.05)

    async def _ask_worker(self) -> None:
        while True:
            lag_s = await asyncio.to_thread(read_metric, self._stack.worker_metrics, "veritas_unjudged_lag_seconds")
            if lag_s is not None:
                self.lags_s.append(lag_s)
            await asyncio.sleep(1)


def read_metric(port: int, name: str) -> float | None:
    """Read one metric without labels; None if there is none."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
    return None


def cores() -> int:
    """Return the number of cores of this machine."""
    return describe().cores
