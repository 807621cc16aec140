"""PostgreSQL is restored from an older copy, in a new database epoch: the loss is detected, and no hole is stored."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db import migrations
from db.engine import create_engine
from db.migrations.roles import OWNER
from db.settings import DatabaseSettings
from hub.ingest.batcher import GivenUp, Stored
from tests.hub.ingest.workbench import PATIENCE_S, Workbench, stored
from veritas.embedded.postgres import Postgres
from veritas.embedded.run_as import owner_of


class Restorable:
    """A separate PostgreSQL that can be copied and restored from the copy."""

    def __init__(self, folder: Path) -> None:
        self.server = Postgres.prepare(folder / "data", folder / "s")
        self._copy = folder / "copy"
        # Only read during the recovery of a copy; there is no archive.
        with self.server.settings.open("a") as settings:
            settings.write("restore_command = 'false'\n")

    def copy(self) -> None:
        """Take a cold copy of the cluster."""
        self.server.stop()
        subprocess.run(["cp", "-a", self.server.cluster, self._copy], check=True)
        self.server.run()

    def restore(self) -> None:
        """Replace a killed cluster by the copy: like every recovery, it has a new database epoch."""
        subprocess.run(["rm", "-rf", self.server.cluster], check=True)
        self._copy.rename(self.server.cluster)
        signal = self.server.cluster / "recovery.signal"
        signal.touch()
        os.chown(signal, *owner_of(self.server.account))
        self.server.run()


@pytest.fixture
def postgres() -> Iterator[Restorable]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="veritas-rewind-", dir=memory if memory.is_dir() else None) as folder:
        restorable = Restorable(Path(folder))
        restorable.server.run()
        yield restorable
        restorable.server.stop()


@pytest.fixture
async def settings(postgres: Restorable) -> DatabaseSettings:
    await migrations.upgrade(postgres.server.url_of(OWNER))
    return DatabaseSettings(database_url=postgres.server.url, redis_url="redis://nowhere")


@pytest.fixture
async def engine(settings: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings)
    yield engine
    await engine.dispose()


async def test_a_batch_under_way_is_not_stored_after_a_restore_that_lost_its_predecessors(
    postgres: Restorable, settings: DatabaseSettings, engine: AsyncEngine
) -> None:
    bench, stream_id, other = Workbench(settings), uuid7(), uuid7()
    async with bench.ingest:
        assert await bench.store(stream_id, 1, 5) == Stored()
        postgres.copy()
        assert await bench.store(stream_id, 6, 10) == Stored()
        assert bench.epoch_changes == 0, "a restart does not change the database epoch"
        postgres.server.kill()
        under_way, waiting = bench.offer(stream_id, 11, 13), bench.offer(other, 1, 2)
        postgres.restore()
        async with asyncio.timeout(PATIENCE_S):
            assert [await under_way.result, await waiting.result] == [GivenUp(), GivenUp()]
        assert bench.epoch_changes == 1
        assert await stored(engine, stream_id) == [1, 2, 3, 4, 5]
        # Sessions that reconnect know what is stored now.
        assert await bench.store(stream_id, 6, 8) == Stored()
        assert bench.epoch_changes == 1
    assert await stored(engine, stream_id) == list(range(1, 9))
