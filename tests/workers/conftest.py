"""A Redis of each test's own, to be killed and run again, and a room of attempts."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.hints import Hints
from tests.workers.rooms import Room
from veritas.valkey import Redis


@pytest.fixture
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="veritas-redis-") as folder:
        server = Redis.start(Path(folder), Path(folder) / "s")
        yield server
        server.stop()


@pytest.fixture
async def hints(redis: Redis) -> AsyncIterator[Hints]:
    client = Hints.connect(redis.url)
    yield client
    await client.close()


@pytest.fixture
def room(engine: AsyncEngine) -> Room:
    return Room(engine)
