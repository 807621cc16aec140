"""Open the dataset: run servers over its folder, and fill it if it is missing, unfinished or of another size.

An older schema is migrated, as a school's would be. Never changes the rows of a finished dataset.
"""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from rich.console import Console

from bench.dataset import fill
from bench.dataset.extent import DatasetExtent, extent_of
from bench.environment import Environment
from db import migrations
from veritas.accounts import PasswordLogin
from veritas.embedded.servers import Servers, run_servers
from veritas.environment import data_dir, read_environment

MARK: Final = "dataset.json"
"""Written when the dataset is complete."""

VERSION: Final = 1
"""Counts changes of what is filled. A dataset of another version is filled again."""

__all__ = ["DatasetExtent", "extent_of", "open_dataset"]


class DatasetMark(msgspec.Struct, frozen=True):
    """What a finished folder contains."""

    version: int
    seed: int
    extent: DatasetExtent


@contextmanager
def open_dataset(size: float = 1.0, *, seed: int = 1, out: Console | None = None) -> Iterator[Environment]:
    """Run PostgreSQL and Redis over the dataset of this size while the block runs; fill it first if needed.

    1 is the full size: 100,000 students, 2,000 exams, a million attempts and ten million events. The teacher of the
    environment owns the largest exams.
    """
    folder = data_dir(read_environment()) / "bench-dataset" / f"{size:g}"
    wanted = DatasetMark(VERSION, seed, extent_of(size))
    if _read_mark(folder) != wanted:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with run_servers(folder, {}) as servers:
        asyncio.run(_prepare(servers, folder, wanted, out or Console(stderr=True)))
        yield Environment(servers, folder, PasswordLogin("t0", fill.PASSWORD))


async def _prepare(servers: Servers, folder: Path, wanted: DatasetMark, out: Console) -> None:
    before = await _read_revision(servers)
    await migrations.upgrade(servers.owner_url)
    if not (folder / MARK).exists():
        await fill.fill(servers.admin_url, wanted.extent, wanted.seed, out)
        (folder / MARK).write_bytes(msgspec.json.encode(wanted))
    elif before != await _read_revision(servers):
        await fill.tidy(servers.admin_url)


async def _read_revision(servers: Servers) -> str | None:
    conn = await asyncpg.connect(servers.admin_url)
    try:
        if await conn.fetchval("SELECT to_regclass('public.alembic_version')") is None:
            return None
        revision: str | None = await conn.fetchval("SELECT version_num FROM alembic_version")
        return revision
    finally:
        await conn.close()


def _read_mark(folder: Path) -> DatasetMark | None:
    try:
        return msgspec.json.decode((folder / MARK).read_bytes(), type=DatasetMark)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
