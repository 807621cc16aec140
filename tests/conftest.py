"""Real servers for every test: one PostgreSQL and one Valkey a run, a fresh database cloned for each test."""

import asyncio
import itertools
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import migrations
from db.engine import GUARDS
from db.migrations.roles import HUB, OWNER, WORKER
from db.notify import Notifier
from db.settings import DatabaseSettings
from tests.external import run_external
from tests.roles import as_role, create_database, create_role_engine, drop_database, remember_passwords, url_of
from veritas.embedded.servers import Servers, run_servers
from veritas.embedded.valkey import Redis

# No deadline per example: on a busy machine it would measure the machine.
hypothesis_settings.register_profile(
    "veritas", hypothesis_settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("veritas")

# A shell without job control starts background jobs with SIGINT ignored, and every child would inherit that: the
# journeys that press Ctrl-C would wait forever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

BEGAN = datetime.now(UTC).date()
"""The day up from which the template's partitions were made."""

ROLES = {"hub": HUB, "faults": HUB, "workers": WORKER}
"""Everything that a hub or a worker does under test, it does with its role in the database."""

TEMPLATE = "veritas_template"
SCRATCH_BYTES = 2 * 1024**3
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--external", action="store_true", help="Run on the system's own servers over TCP.")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    if request.config.getoption("--external"):
        with run_external(_scratch()) as running:
            remember_passwords(running)
            yield running
        return
    with (
        tempfile.TemporaryDirectory(prefix="veritas-tests-", dir=_scratch()) as folder,
        run_servers(Path(folder), {}) as running,
    ):
        remember_passwords(running)
        yield running


@pytest.fixture(scope="session")
def template(servers: Servers) -> str:
    """The migrated database every test's own is cloned from: 12 ms each instead of a migration."""

    async def make() -> None:
        await create_database(servers, TEMPLATE)
        await migrations.upgrade(url_of(servers, TEMPLATE))

    asyncio.run(make())
    return TEMPLATE


@pytest.fixture
async def owner_database(servers: Servers, template: str) -> AsyncIterator[DatabaseSettings]:
    """A fresh database, for the role that owns its tables."""
    name = f"veritas_test_{next(_numbers)}"
    await create_database(servers, name, template)
    yield DatabaseSettings(database_url=url_of(servers, name), redis_url=servers.redis_url)
    await drop_database(servers, name)


@pytest.fixture
def database(request: pytest.FixtureRequest, owner_database: DatabaseSettings) -> DatabaseSettings:
    """The same for the role of the process that the tests of this folder are about."""
    folder = request.path.relative_to(Path(__file__).parent).parts[0]
    return as_role(ROLES.get(folder, OWNER), owner_database)


@pytest.fixture
async def engine(database: DatabaseSettings, owner_database: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    """Code under test connects with its role, the test's own code with that of the owner.

    It has no time limits of production: on a busy machine they would measure the machine.
    """
    engine = create_role_engine(database, owner_database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def guarded_engine(database: DatabaseSettings, owner_database: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    """An engine with the time limits of production, for tests of these limits."""
    engine = create_role_engine(database, owner_database, guards=GUARDS)
    yield engine
    await engine.dispose()


@pytest.fixture
async def conn(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One connection in a transaction that is rolled back."""
    async with engine.connect() as conn:
        yield conn
        await conn.rollback()


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of one test's own, to be killed, frozen and run again."""
    with tempfile.TemporaryDirectory(prefix="veritas-redis-") as folder:
        server = Redis.start(Path(folder), Path(folder) / "s")
        yield server
        server.stop()


@pytest.fixture
async def notifier(redis: Redis) -> AsyncIterator[Notifier]:
    client = Notifier.connect(redis.url)
    yield client
    await client.close()


def _scratch() -> Path | None:
    """A directory in memory, if it has room: a clone is 10 MB of small files, 15 ms there and 400 ms on a slow disk."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > SCRATCH_BYTES else None
