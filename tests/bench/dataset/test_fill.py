"""The dataset keeps every law that a real database keeps."""

import asyncio
from pathlib import Path

import pytest
from rich.console import Console

from bench.dataset import extent_of, open_dataset
from bench.environment import Environment, fetch
from db.engine import create_engine
from db.settings import DatabaseSettings
from veritas.audit import verify

pytestmark = pytest.mark.long

SIZE = 0.0002

FOREIGN_KEYS = """
SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent,
       (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) AS key,
       (SELECT attname FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1]) AS target
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
"""


async def check(environment: Environment) -> int:
    servers = environment.servers
    engine = create_engine(DatabaseSettings(database_url=servers.admin_url, redis_url=servers.redis_url))
    try:
        return await verify.run(engine, Console(quiet=True), reproduce=True)
    finally:
        await engine.dispose()


async def list_orphans(environment: Environment) -> list[str]:
    orphans = []
    for row in await fetch(environment, FOREIGN_KEYS):
        missing = await fetch(
            environment,
            f"SELECT 1 FROM {row['child']} AS child WHERE {row['key']} IS NOT NULL AND NOT EXISTS "
            f"(SELECT FROM {row['parent']} AS parent WHERE parent.{row['target']} = child.{row['key']}) LIMIT 1",
        )
        orphans += [f"{row['child']}.{row['key']}" for _ in missing]
    return orphans


def test_a_full_dataset_has_a_million_attempts() -> None:
    assert extent_of(1).attempts == 1_000_480
    assert extent_of(1).students == 100_000


def test_a_filled_dataset_keeps_all_laws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERITAS_DATA_DIR", str(tmp_path))
    quiet = Console(quiet=True)
    with open_dataset(SIZE, out=quiet) as environment:
        assert asyncio.run(check(environment)) == 0
        assert asyncio.run(list_orphans(environment)) == []
        counted = asyncio.run(fetch(environment, "SELECT count(*) FROM exam_attempts"))
        assert counted[0][0] == extent_of(SIZE).attempts
        summed = asyncio.run(fetch(environment, "SELECT sum(attempts) FROM exam_counts"))
        assert summed[0][0] == extent_of(SIZE).attempts
