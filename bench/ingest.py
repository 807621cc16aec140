"""Benchmark of durable ingest: the hub against bare COPY and against two peers, in turn.

Each round runs the baseline and each service alone. After each run, the sent, acknowledged and stored events are
compared; a difference ends the benchmark. Never runs a worker.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final
from uuid import UUID

import msgspec
from rich.console import Console

from bench.baseline import Copied
from bench.environment import (
    BenchExam,
    Environment,
    Process,
    fetch,
    open_environment,
    read_settings,
    run_hub,
    run_peer,
    start_exam,
)
from bench.errors import BenchError
from bench.figures import per_100k, spread
from bench.load import workload
from bench.load.messages import LoadOutcome, LoadRequest, Pace
from bench.machine import busy_s, describe, usage, wait_until_calm
from bench.report import IngestReport, Shape, TimedRun
from bench.sampler import read_samples, sampled

NOTES: Final = [
    "the load generator shares the cores; its CPU is in the table",
    "no worker runs: this measures ingest only. Redis runs and receives notifications",
    "PostgreSQL as shipped: fsync, synchronous_commit and full_page_writes on; a checkpoint before each run",
]
LONE_FRAMES: Final = 1_000
HALF_S: Final = 10.0
_STORED: Final = """
    SELECT streams.attempt_id, count(events.seq) AS events, coalesce(max(events.seq), 0) AS head,
        count(*) FILTER (WHERE events.event_type IN ('rejected', 'events_lost')) AS refused
    FROM event_streams AS streams LEFT JOIN monitoring_events AS events ON events.stream_id = streams.id
    WHERE streams.attempt_id = ANY($1) AND streams.kind = 'client'
    GROUP BY streams.attempt_id
"""


class CpuTime(msgspec.Struct, frozen=True):
    """CPU seconds of the processes of a run, and of the whole machine during it."""

    by_process: dict[str, float]
    machine_s: float


class Bench:
    """One benchmark: environment, recordings on disk, and how long to wait for a calm machine."""

    def __init__(self, environment: Environment, shape: Shape, patience_s: float) -> None:
        self.environment = environment
        self.shape = shape
        self.patience_s = patience_s
        self.flood = environment.folder / "flood.recordings"
        self.lone = environment.folder / "lone.recordings"

    def record(self) -> None:
        """Record the events to send, once for all runs."""
        each = self.shape.events // self.shape.sockets
        started_ms = time.time_ns() // 1_000_000
        made = workload.record(
            self.shape.sockets, each, per_frame=self.shape.per_frame, seed=self.shape.seed, started_ms=started_ms
        )
        self.flood.write_bytes(msgspec.msgpack.encode(made))
        self.lone.write_bytes(msgspec.msgpack.encode([workload.singles(made[0], LONE_FRAMES)]))

    def copy(self, *how: str) -> TimedRun:
        """Run the baseline: bare COPY of the same rows; with `keyed`, into a table with the real indexes."""
        with self._child("bench.baseline", self.flood, self.environment.servers.owner_url, *how) as child:
            line, spent = self._time(child, {"PostgreSQL": self.environment.postgres_pid})
        copied = msgspec.json.decode(line, type=Copied)
        if copied.rows != self.shape.events:
            raise BenchError(f"{copied.rows} of {self.shape.events} rows were copied")
        return _run(copied.rows, copied.seconds, spent, client=copied.cpu_s)

    def hub(self, pace: Pace = Pace.FLOOD, *, recording: Path | None = None, rate: float = 0.0) -> TimedRun:
        """Run and load a new hub, then compare counts."""
        with run_hub(self.environment) as hub:
            return self.load_hub(hub, pace, recording or self.flood, rate)

    def profile(self) -> dict[str, int]:
        """Sample a hub under load; returns samples by place."""
        samples = self.environment.folder / "samples.json"
        with run_hub(self.environment, "bench.sampled_hub", VERITAS_BENCH_SAMPLES=str(samples)) as hub:
            self.load_hub(hub, Pace.FLOOD, self.flood, 0.0, sampled(hub.pid))
        return read_samples(samples)

    def load_hub(
        self, hub: Process, pace: Pace, recording: Path, rate: float, during: AbstractContextManager[None] | None = None
    ) -> TimedRun:
        """Load a running hub with a new exam, then compare counts."""
        sockets = 1 if pace is Pace.LONE else self.shape.sockets
        with self._child("bench.load.generator", recording) as child:
            exam = asyncio.run(start_exam(self.environment, hub, sockets))
            limit_s = HALF_S if pace is Pace.STEADY else None
            url = f"ws://{hub.address}/ws/monitor"
            _send(child, LoadRequest(url=url, pace=pace, attempts=exam.attempts, rate=rate, limit_s=limit_s))
            line, spent = self._time(child, self._pids(hub), during)
        outcome = msgspec.json.decode(line, type=LoadOutcome)
        asyncio.run(self._count(exam, outcome))
        return _loaded(outcome, spent)

    def peer(self, module: str, path: str, pace: Pace, table: str) -> TimedRun:
        """Run and load a peer for some seconds, then compare counts."""
        with run_peer(self.environment, module) as peer, self._child("bench.load.generator", self.flood) as child:
            scheme = "http" if pace is Pace.POST else "ws"
            _send(child, LoadRequest(url=f"{scheme}://{peer.address}{path}", pace=pace, limit_s=self.shape.peer_s))
            line, spent = self._time(child, self._pids(peer))
        outcome = msgspec.json.decode(line, type=LoadOutcome)
        stored: int = asyncio.run(fetch(self.environment, f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608 - our own table name
        if not outcome.sent == outcome.acked == stored:
            raise BenchError(f"{module}: {outcome.sent} sent, {outcome.acked} acknowledged, {stored} stored")
        return _loaded(outcome, spent)

    async def _count(self, exam: BenchExam, outcome: LoadOutcome) -> None:
        rows = await fetch(self.environment, _STORED, [attempt.attempt_id for attempt in exam.attempts])
        check_counts(
            outcome, [attempt.attempt_id for attempt in exam.attempts], {row[0]: tuple(row)[1:] for row in rows}
        )

    def _time(
        self,
        child: subprocess.Popen[bytes],
        pids: Mapping[str, int],
        during: AbstractContextManager[None] | None = None,
    ) -> tuple[bytes, CpuTime]:
        _expect(child, b"ready")
        asyncio.run(fetch(self.environment, "CHECKPOINT"))
        wait_until_calm(self.patience_s)
        busy, before = busy_s(), {name: usage(pid).total_s for name, pid in pids.items()}
        with during or nullcontext():
            _pipe(child.stdin).write(b"go\n")
            _pipe(child.stdin).flush()
            line = _expect(child)
        return line, CpuTime({name: usage(pid).total_s - before[name] for name, pid in pids.items()}, busy_s() - busy)

    def _pids(self, process: Process) -> dict[str, int]:
        return {
            "server": process.pid,
            "PostgreSQL": self.environment.postgres_pid,
            "Redis": self.environment.redis_pid,
        }

    @contextmanager
    def _child(self, module: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
        argv = [sys.executable, "-m", module, *map(str, arguments)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 - ours
            try:
                yield child
            except BaseException:
                child.kill()
                raise


def run(
    folder: Path, shape: Shape, *, runs: int, peers: bool, profile: bool, patience_s: float, out: Console
) -> IngestReport:
    """Run all measurements. Raises BenchError if a run lost an event."""
    with open_environment(folder) as environment:
        bench = Bench(environment, shape, patience_s)
        out.print(f"recording {shape.events:,} events of the simulator's mix …")
        bench.record()
        measured: dict[str, list[TimedRun]] = {"copy": [], "hub": [], "keyed": [], "posts": [], "frames": []}
        for number in range(runs):
            for name, measure in _round(bench, peers=peers).items():
                measured[name].append(measure())
                out.print(f"{number + 1}/{runs} {name}: {measured[name][-1].per_second:,.0f} events/s", highlight=False)
        half = spread([run.per_second for run in measured["hub"]]).median / 2
        alone = bench.hub(Pace.LONE, recording=bench.lone)
        paced = bench.hub(Pace.STEADY, rate=half)
        return IngestReport(
            taken_at=datetime.now(UTC),
            machine=describe(),
            postgres=asyncio.run(read_settings(environment)),
            shape=shape,
            notes=NOTES,
            copy=measured["copy"],
            hub=measured["hub"],
            keyed=measured["keyed"],
            posts=measured["posts"],
            frames=measured["frames"],
            alone=alone.waits,
            half=paced.waits,
            half_per_second=half,
            samples=bench.profile() if profile else {},
        )


def check_counts(outcome: LoadOutcome, attempts: Sequence[UUID], stored: Mapping[UUID, tuple[int, int, int]]) -> None:
    """Compare sent, acknowledged and stored events, in total and per client. Raises BenchError.

    `stored` has events, last seq and rejected or lost entries of each attempt.
    """
    total = sum(events for events, _, _ in stored.values())
    if not outcome.sent == outcome.acked == total:
        raise BenchError(f"{outcome.sent} events sent, {outcome.acked} acknowledged, {total} stored")
    for attempt_id, acked in zip(attempts, outcome.by_client, strict=True):
        if stored.get(attempt_id, (0, 0, 0)) != (acked, acked, 0):
            raise BenchError(f"{attempt_id}: {acked} acknowledged, stored {stored.get(attempt_id)}")


def _round(bench: Bench, *, peers: bool) -> dict[str, Callable[[], TimedRun]]:
    measurements: dict[str, Callable[[], TimedRun]] = {
        "copy": bench.copy,
        "hub": bench.hub,
        "keyed": lambda: bench.copy("keyed"),
    }
    if peers:
        measurements["frames"] = lambda: bench.peer("bench.peers.frame_inserts", "/ws", Pace.FLOOD, "bench_framed")
        measurements["posts"] = lambda: bench.peer("bench.peers.one_insert", "/events", Pace.POST, "bench_posted")
    return measurements


def _loaded(outcome: LoadOutcome, spent: CpuTime) -> TimedRun:
    run = _run(outcome.acked, outcome.seconds, spent, generator=outcome.cpu_s)
    return msgspec.structs.replace(run, waits=outcome.waits)


def _run(events: int, seconds: float, spent: CpuTime, **child_s: float) -> TimedRun:
    """Build the result of a run from the CPU time of its processes, including that of the child."""
    ours_s = spent.by_process | child_s
    return TimedRun(
        events=events,
        seconds=seconds,
        per_second=events / seconds,
        cpu_s={process: per_100k(cpu_s, events) for process, cpu_s in ours_s.items()},
        others=max(0.0, (spent.machine_s - sum(ours_s.values())) / seconds),
    )


def _send(child: subprocess.Popen[bytes], request: LoadRequest) -> None:
    _pipe(child.stdin).write(msgspec.json.encode(request) + b"\n")
    _pipe(child.stdin).flush()


def _expect(child: subprocess.Popen[bytes], wanted: bytes | None = None) -> bytes:
    line = _pipe(child.stdout).readline().strip()
    if not line or (wanted is not None and line != wanted):
        raise BenchError(f"{child.args!r} ended or printed {line!r}")
    return line


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
