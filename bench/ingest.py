"""Durable ingest as a ratio: the hub against bare COPY and against two peers, in turn, in one run.

Each round runs the baseline alone, then each service alone; after each, what was sent, acknowledged and stored is
counted in PostgreSQL, and a difference ends the benchmark. The worker does not run; Redis does.
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

from bench import workload
from bench.baseline import Copied
from bench.environment import Process, Room, Stage, fetch, open_stage, read_settings, run_hub, run_peer, seat_class
from bench.errors import BenchFault
from bench.figures import per_100k, spread
from bench.machine import busy_s, describe, usage, wait_until_calm
from bench.messages import Orders, Outcome, Pace
from bench.report import Ingest, Run, Shape
from bench.sampler import read_samples, sampled

NOTES: Final = [
    "the load generator shares the cores; its CPU is in the table",
    "no worker runs: this is the figure of ingest; Redis runs and is hinted",
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


class Spent(msgspec.Struct, frozen=True):
    """CPU seconds of the processes of a run, and of the whole machine meanwhile."""

    by_process: dict[str, float]
    machine_s: float


class Bench:
    """One benchmark: a stage, its tapes on the disk, and how long it waits for a calm machine."""

    def __init__(self, stage: Stage, shape: Shape, patience_s: float) -> None:
        self.stage = stage
        self.shape = shape
        self.patience_s = patience_s
        self.flood = stage.folder / "flood.tapes"
        self.lone = stage.folder / "lone.tapes"

    def record(self) -> None:
        """Make what is sent, once for all runs."""
        each = self.shape.events // self.shape.sockets
        started_ms = time.time_ns() // 1_000_000
        made = workload.record(
            self.shape.sockets, each, per_frame=self.shape.per_frame, seed=self.shape.seed, started_ms=started_ms
        )
        self.flood.write_bytes(msgspec.msgpack.encode(made))
        self.lone.write_bytes(msgspec.msgpack.encode([workload.singles(made[0], LONE_FRAMES)]))

    def copy(self, *how: str) -> Run:
        """The baseline: the same rows by bare COPY; `keyed`, into a table with the indexes of the real one."""
        with self._child("bench.baseline", self.flood, self.stage.servers.database_url, *how) as child:
            line, spent = self._time(child, {"PostgreSQL": self.stage.postgres_pid})
        copied = msgspec.json.decode(line, type=Copied)
        if copied.rows != self.shape.events:
            raise BenchFault(f"{copied.rows} of {self.shape.events} rows were copied")
        return _run(copied.rows, copied.seconds, spent, client=copied.cpu_s)

    def hub(self, pace: Pace = Pace.FLOOD, *, tape: Path | None = None, rate: float = 0.0) -> Run:
        """The subject: a hub of its own, loaded and counted."""
        with run_hub(self.stage) as hub:
            return self.load_hub(hub, pace, tape or self.flood, rate)

    def profile(self) -> dict[str, int]:
        """What a hub does under the load of `hub`: samples by place."""
        samples = self.stage.folder / "samples.json"
        with run_hub(self.stage, "bench.sampled_hub", VERITAS_BENCH_SAMPLES=str(samples)) as hub:
            self.load_hub(hub, Pace.FLOOD, self.flood, 0.0, sampled(hub.pid))
        return read_samples(samples)

    def load_hub(
        self, hub: Process, pace: Pace, tape: Path, rate: float, during: AbstractContextManager[None] | None = None
    ) -> Run:
        """Load a running hub with a fresh class, then count what is stored."""
        sockets = 1 if pace is Pace.LONE else self.shape.sockets
        with self._child("bench.load", tape) as child:
            room = asyncio.run(seat_class(self.stage, hub, sockets))
            limit_s = HALF_S if pace is Pace.STEADY else None
            url = f"ws://{hub.address}/ws/monitor"
            _tell(child, Orders(url=url, pace=pace, attempts=room.attempts, rate=rate, limit_s=limit_s))
            line, spent = self._time(child, self._pids(hub), during)
        outcome = msgspec.json.decode(line, type=Outcome)
        asyncio.run(self._count(room, outcome))
        return _loaded(outcome, spent)

    def peer(self, module: str, path: str, pace: Pace, table: str) -> Run:
        """A peer, loaded for some seconds and counted."""
        with run_peer(self.stage, module) as peer, self._child("bench.load", self.flood) as child:
            scheme = "http" if pace is Pace.POST else "ws"
            _tell(child, Orders(url=f"{scheme}://{peer.address}{path}", pace=pace, limit_s=self.shape.peer_s))
            line, spent = self._time(child, self._pids(peer))
        outcome = msgspec.json.decode(line, type=Outcome)
        stored: int = asyncio.run(fetch(self.stage, f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608 - our own name
        if not outcome.sent == outcome.acked == stored:
            raise BenchFault(f"{module}: {outcome.sent} sent, {outcome.acked} acknowledged, {stored} stored")
        return _loaded(outcome, spent)

    async def _count(self, room: Room, outcome: Outcome) -> None:
        rows = await fetch(self.stage, _STORED, [attempt.attempt_id for attempt in room.attempts])
        check_counts(
            outcome, [attempt.attempt_id for attempt in room.attempts], {row[0]: tuple(row)[1:] for row in rows}
        )

    def _time(
        self,
        child: subprocess.Popen[bytes],
        pids: Mapping[str, int],
        during: AbstractContextManager[None] | None = None,
    ) -> tuple[bytes, Spent]:
        _expect(child, b"ready")
        asyncio.run(fetch(self.stage, "CHECKPOINT"))
        wait_until_calm(self.patience_s)
        busy, before = busy_s(), {name: usage(pid).total_s for name, pid in pids.items()}
        with during or nullcontext():
            _pipe(child.stdin).write(b"go\n")
            _pipe(child.stdin).flush()
            line = _expect(child)
        return line, Spent({name: usage(pid).total_s - before[name] for name, pid in pids.items()}, busy_s() - busy)

    def _pids(self, process: Process) -> dict[str, int]:
        return {
            "server": process.pid,
            "PostgreSQL": self.stage.postgres_pid,
            "Redis": self.stage.redis_pid,
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
) -> Ingest:
    """Measure everything. Raises BenchFault when a run lost something."""
    with open_stage(folder) as stage:
        bench = Bench(stage, shape, patience_s)
        out.print(f"recording {shape.events:,} events of the simulator's mix …")
        bench.record()
        measured: dict[str, list[Run]] = {"copy": [], "hub": [], "keyed": [], "posts": [], "frames": []}
        for number in range(runs):
            for name, one in _round(bench, peers=peers).items():
                measured[name].append(one())
                out.print(f"{number + 1}/{runs} {name}: {measured[name][-1].per_second:,.0f} events/s", highlight=False)
        half = spread([one.per_second for one in measured["hub"]]).median / 2
        alone = bench.hub(Pace.LONE, tape=bench.lone)
        paced = bench.hub(Pace.STEADY, rate=half)
        return Ingest(
            taken_at=datetime.now(UTC),
            machine=describe(),
            postgres=asyncio.run(read_settings(stage)),
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


def check_counts(outcome: Outcome, attempts: Sequence[UUID], stored: Mapping[UUID, tuple[int, int, int]]) -> None:
    """Hold what was sent against what was acknowledged and what is stored, in all and client by client.

    `stored` has events, head and refused places of each attempt. Raises BenchFault.
    """
    total = sum(events for events, _, _ in stored.values())
    if not outcome.sent == outcome.acked == total:
        raise BenchFault(f"{outcome.sent} events sent, {outcome.acked} acknowledged, {total} stored")
    for attempt_id, acked in zip(attempts, outcome.by_client, strict=True):
        if stored.get(attempt_id, (0, 0, 0)) != (acked, acked, 0):
            raise BenchFault(f"{attempt_id}: {acked} acknowledged, stored {stored.get(attempt_id)}")


def _round(bench: Bench, *, peers: bool) -> dict[str, Callable[[], Run]]:
    one_round: dict[str, Callable[[], Run]] = {
        "copy": bench.copy,
        "hub": bench.hub,
        "keyed": lambda: bench.copy("keyed"),
    }
    if peers:
        one_round["frames"] = lambda: bench.peer("bench.peers.frame_inserts", "/ws", Pace.FLOOD, "bench_framed")
        one_round["posts"] = lambda: bench.peer("bench.peers.one_insert", "/events", Pace.POST, "bench_posted")
    return one_round


def _loaded(outcome: Outcome, spent: Spent) -> Run:
    run = _run(outcome.acked, outcome.seconds, spent, generator=outcome.cpu_s)
    return msgspec.structs.replace(run, waits=outcome.waits)


def _run(events: int, seconds: float, spent: Spent, **child_s: float) -> Run:
    """One run, from what its processes have spent, its child's own account among them."""
    ours_s = spent.by_process | child_s
    return Run(
        events=events,
        seconds=seconds,
        per_second=events / seconds,
        cpu_s={process: per_100k(one, events) for process, one in ours_s.items()},
        others=max(0.0, (spent.machine_s - sum(ours_s.values())) / seconds),
    )


def _tell(child: subprocess.Popen[bytes], orders: Orders) -> None:
    _pipe(child.stdin).write(msgspec.json.encode(orders) + b"\n")
    _pipe(child.stdin).flush()


def _expect(child: subprocess.Popen[bytes], wanted: bytes | None = None) -> bytes:
    line = _pipe(child.stdout).readline().strip()
    if not line or (wanted is not None and line != wanted):
        raise BenchFault(f"{child.args!r} ended, or said {line!r}")
    return line


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
