"""The baseline, a process of its own: `python -m bench.baseline TAPES URL`: bare COPY of the same rows.

One asyncpg connection, batches of 1,000, into a copy of the table without indexes; with `keyed` the copy has them. Rows
are made before the clock starts, and nothing checks them.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from uuid_utils.compat import uuid7

from bench.workload import Tape, entries

BATCH: Final = 1_000
COLUMNS: Final = ("stream_id", "seq", "mono", "client_timestamp", "event_type", "severity", "data_payload")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[UUID, int, int, datetime, str, str | None, str]


class Copied(msgspec.Struct, frozen=True):
    """How many rows were copied in how many seconds, and what that cost this process."""

    rows: int
    seconds: float
    cpu_s: float


async def run(url: str, rows: Sequence[Row], *, keyed: bool) -> Copied:
    """Copy the rows into an empty table of its own, which goes again."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("DROP TABLE IF EXISTS bench_copy")
        indexes = "INCLUDING INDEXES" if keyed else ""
        await conn.execute(f"CREATE TABLE bench_copy (LIKE monitoring_events INCLUDING DEFAULTS {indexes})")
        print("ready", flush=True)  # noqa: T201 - standard output is how the benchmark is spoken to
        await asyncio.to_thread(sys.stdin.readline)
        cpu_s, started_s = time.process_time(), time.perf_counter()
        for first in range(0, len(rows), BATCH):
            await conn.copy_records_to_table("bench_copy", columns=COLUMNS, records=rows[first : first + BATCH])
        seconds = time.perf_counter() - started_s
        cpu_s = time.process_time() - cpu_s
        stored: int = await conn.fetchval("SELECT count(*) FROM bench_copy")
        await conn.execute("DROP TABLE bench_copy")
    finally:
        await conn.close()
    return Copied(stored, seconds, cpu_s)


def make_rows(tapes: Sequence[Tape]) -> list[Row]:
    """The rows of all tapes as a hub would store them, frame by frame in turn."""
    rows: list[Row] = []
    streams = [uuid7() for _ in tapes]
    for number in range(max(len(tape.frames) for tape in tapes)):
        for stream_id, tape in zip(streams, tapes, strict=True):
            if number < len(tape.frames):
                for one in entries(tape.frames[number], tape):
                    moment = EPOCH + timedelta(milliseconds=one.at)
                    rows.append((stream_id, one.seq, one.mono, moment, one.type, one.severity, one.payload))
    return rows


def main() -> None:
    """Prepare, wait for `go`, copy, print the outcome."""
    tapes = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Tape])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        copied = runner.run(run(sys.argv[2], make_rows(tapes), keyed=sys.argv[3:] == ["keyed"]))
    sys.stdout.write(msgspec.json.encode(copied).decode() + "\n")


if __name__ == "__main__":
    main()
