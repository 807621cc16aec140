"""The baseline copies the rows that a hub would store."""

import io

import asyncpg
import pytest

from bench import baseline
from bench.load import workload
from db.settings import DatabaseSettings

RECORDINGS = workload.record(3, 20, per_frame=7, seed=1, started_ms=1_790_000_000_000)


def test_rows_are_numbered_per_stream_and_come_one_frame_of_each_in_turn() -> None:
    rows = baseline.make_rows(RECORDINGS)
    assert len(rows) == 60
    by_stream: dict[object, list[int]] = {}
    for stream_id, seq, *_ in rows:
        by_stream.setdefault(stream_id, []).append(seq)
    assert [list(range(1, 21))] * 3 == list(by_stream.values())
    assert [row[1] for row in rows[:8]] == [1, 2, 3, 4, 5, 6, 7, 1]


@pytest.mark.parametrize("keyed", [False, True])
async def test_all_rows_are_copied_and_the_table_is_dropped(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, keyed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("go\n"))
    url = database.database_url.replace("postgresql+asyncpg", "postgresql")
    copied = await baseline.run(url, baseline.make_rows(RECORDINGS), keyed=keyed)
    assert copied.rows == 60
    assert copied.seconds > 0
    conn = await asyncpg.connect(url)
    assert await conn.fetchval("SELECT to_regclass('bench_copy')") is None
    await conn.close()
