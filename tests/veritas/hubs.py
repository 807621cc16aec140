"""A hub in the test's own loop, with a teacher who can sign in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from db.migrations.roles import HUB, WORKER
from db.settings import DatabaseSettings, Secret
from hub.app import create_app
from hub.settings import HubSettings
from hub.timing import TIMING, Timing
from protocol.roles import Role
from tests.hub.serving import serve
from tests.roles import as_role
from veritas.accounts import PasswordLogin, create_account
from veritas.environment import Addresses
from workers import main as worker
from workers.settings import WorkerSettings

LOGIN = PasswordLogin("teacher", "correct horse 7")


@asynccontextmanager
async def run_hub(database: DatabaseSettings, engine: AsyncEngine, timing: Timing = TIMING) -> AsyncIterator[Addresses]:
    await create_account(engine, Role.TEACHER, "T", LOGIN, cost=4)
    secret = Secret("a secret that only this test suite knows")
    settings = HubSettings(**msgspec.structs.asdict(as_role(HUB, database)), jwt_secret=secret, bcrypt_cost=4)
    async with serve(create_app(settings, timing=timing)) as address:
        yield Addresses(database.database_url, database.redis_url, f"http://{address}")


@asynccontextmanager
async def run_worker(database: DatabaseSettings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(WorkerSettings(**msgspec.structs.asdict(as_role(WORKER, database))), stop))
    try:
        yield
    finally:
        stop.set()
        await task
