"""Baseline: bare COPY of the same rows, as a separate process (`python -m bench.baseline RECORDINGS URL`).

One asyncpg connection, batches of 1,000 rows, into a copy of the table without indexes; with `keyed`, with indexes.
Rows are built before the clock starts. Never checks a row.
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

from bench.load.workload import Recording, entries

BATCH: Final = 1_000
COLUMNS: Final = ("stream_id", "seq", "mono", "client_timestamp", "event_type", "severity", "data_payload")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[UUID, int, int, datetime, str, str | None, str]


class Copied(msgspec.Struct, frozen=True):
    """Number of copied rows, duration, and CPU seconds of this process."""

    rows: int
    seconds: float
    cpu_s: float


async def run(url: str, rows: Sequence[Row], *, keyed: bool) -> Copied:
    """Copy the rows into an empty temporary table."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("DROP TABLE IF EXISTS bench_copy")
        indexes = "INCLUDING INDEXES" if keyed else ""
        await conn.execute(f"CREATE TABLE bench_copy (LIKE monitoring_events INCLUDING DEFAULTS {indexes})")
        print("ready", flush=True)  # noqa: T201 - the benchmark reads standard output
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


def make_rows(recordings: Sequence[Recording]) -> list[Row]:
    """Return the rows of all recordings as a hub would store them, one frame of each in turn."""
    rows: list[Row] = []
    streams = [uuid7() for _ in recordings]
    for number in range(max(len(recording.frames) for recording in recordings)):
        for stream_id, recording in zip(streams, recordings, strict=True):
            if number < len(recording.frames):
                for entry in entries(recording.frames[number], recording):
                    at = EPOCH + timedelta(milliseconds=entry.at)
                    rows.append((stream_id, entry.seq, entry.mono, at, entry.type, entry.severity, entry.payload))
    return rows


def main() -> None:
    """Prepare, wait for `go`, copy, print the result."""
    recordings = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Recording])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        copied = runner.run(run(sys.argv[2], make_rows(recordings), keyed=sys.argv[3:] == ["keyed"]))
    sys.stdout.write(msgspec.json.encode(copied).decode() + "\n")


if __name__ == "__main__":
    main()
