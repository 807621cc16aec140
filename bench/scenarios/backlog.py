"""`backlog`: events are stored while the worker is stopped; then one worker judges them all."""

import asyncio
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from uuid_utils.compat import uuid7

from bench.environment import Environment
from bench.errors import BenchError
from bench.load import workload
from bench.scenarios.seating import seat_students
from bench.scenarios.stack import Meter, RunningStack, Spent, count_unjudged, wait_until_judged
from db.clock import from_ms
from veritas.rest import Rest

PER_ATTEMPT: Final = 500
PATIENCE_S: Final = 1_800.0
VARIANTS: Final = 50
"""Different recordings; attempts share them."""

_ANSWERS: Final = frozenset({"answered", "draft_saved"})


class BacklogShape(msgspec.Struct, frozen=True, kw_only=True):
    """The load of `backlog`."""

    events: int
    seed: int = 1


class BacklogResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `backlog`. `spent` is from the start of the worker's process until all is judged."""

    shape: BacklogShape
    spent: Spent
    attempts: int
    events: int
    per_second: float


def run(environment: Environment, shape: BacklogShape, *, reproduce: bool) -> BacklogResult:
    """Judge a backlog. Raises BenchError if an event is not judged, or the record has a breach."""
    stack = RunningStack(environment)
    with stack.run_hub():
        attempts = asyncio.run(_store(stack, shape))
    del stack.pids["hub"]
    before = asyncio.run(count_unjudged(stack, attempts))
    if before < shape.events // 2:
        raise BenchError(f"only {before} events wait")
    with stack.run_worker():
        meter = Meter(stack.pids)
        asyncio.run(wait_until_judged(stack, attempts, PATIENCE_S))
        spent = meter.stop()
        stack.verify(reproduce=reproduce)
    return BacklogResult(
        shape=shape, spent=spent, attempts=len(attempts), events=before, per_second=before / spent.seconds
    )


async def _store(stack: RunningStack, shape: BacklogShape) -> list[UUID]:
    """Store the events of each attempt in a client's stream, as the writer would, in a tenth of its time."""
    login = stack.environment.teacher
    count = max(1, shape.events // PER_ATTEMPT)
    async with Rest(f"http://127.0.0.1:{stack.port}") as rest:
        teacher = await rest.sign_in(login.username, login.password)
        exam = await seat_students(stack, rest, teacher, count)
    conn = await asyncpg.connect(stack.environment.servers.admin_url)
    try:
        now_ms = await conn.fetchval("SELECT (extract(epoch FROM now()) * 1000)::bigint")
        streams = [(uuid7(), attempt, "client", uuid7(), now_ms) for attempt in exam.attempts]
        await conn.copy_records_to_table(
            "event_streams", columns=["id", "attempt_id", "kind", "boot", "time_base"], records=streams
        )
        recordings = workload.record(
            min(count, VARIANTS), PER_ATTEMPT, per_frame=PER_ATTEMPT, seed=shape.seed, started_ms=now_ms
        )
        columns = ["stream_id", "seq", "mono", "client_timestamp", "event_type", "severity", "data_payload"]
        for number, stream in enumerate(streams):
            rows = _rows(recordings[number % len(recordings)], stream[0])
            await conn.copy_records_to_table("monitoring_events", columns=columns, records=rows)
        await conn.execute("ANALYZE")
        await conn.execute("CHECKPOINT")
    finally:
        await conn.close()
    return exam.attempts


def _rows(recording: workload.Recording, stream: UUID) -> Iterator[tuple[object, ...]]:
    """Yield rows without answers: these have rows of their own, which only the writer makes."""
    entries = [entry for frame in recording.frames for entry in workload.entries(frame, recording)]
    for seq, entry in enumerate((entry for entry in entries if entry.type not in _ANSWERS), 1):
        yield stream, seq, entry.mono, from_ms(entry.at), entry.type, entry.severity, entry.payload
