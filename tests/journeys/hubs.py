"""Several hub processes and a worker on one database, each the same `veritas serve` or `veritas work` as anywhere."""

import asyncio
import signal
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from db.migrations.roles import HUB, WORKER
from db.settings import DatabaseSettings
from protocol.roles import Role
from tests.journeys.processes import until
from tests.journeys.stack import ROOT, UP_S, environment, veritas
from tests.ports import free_port
from tests.roles import as_role, create_role_engine, url_as
from veritas.accounts import PasswordLogin, create_account
from veritas.embedded.valkey import Redis

SECRET = "a secret that only these journeys know"
LOGIN = PasswordLogin("teacher", "correct horse 7")


@dataclass
class Hub:
    """One hub process."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Service:
    """Hubs and a worker on one database and a Redis of their own, and a teacher who can sign in."""

    hubs: list[Hub]
    engine: AsyncEngine
    redis: Redis


@asynccontextmanager
async def run_service(count: int, database_url: str, folder: Path) -> AsyncIterator[Service]:
    """Run so many hubs for the length of the block."""
    redis = Redis.start(folder, folder / "s")
    settings = DatabaseSettings(database_url=database_url, redis_url=redis.url)
    engine = create_role_engine(as_role(HUB, settings), settings)
    try:
        await create_account(engine, Role.TEACHER, "T", LOGIN, cost=4)
        async with run_hubs(count, settings, folder) as hubs:
            yield Service(hubs, engine, redis)
    finally:
        await engine.dispose()
        redis.stop()


@asynccontextmanager
async def run_hubs(count: int, database: DatabaseSettings, folder: Path) -> AsyncIterator[list[Hub]]:
    ports = [free_port() for _ in range(count)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        hubs = [Hub(f"http://127.0.0.1:{port}", start("serve", port, database, folder, processes)) for port in ports]
        start("work", 0, database, folder, processes)
        for hub in hubs:
            await until(partial(_answers, hub.url), UP_S)
        yield hubs
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            await asyncio.to_thread(_end, process)


def start(
    verb: str, port: int, database: DatabaseSettings, folder: Path, processes: list[subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes]:
    environ = environment(folder, port) | {
        "VERITAS_DATABASE_URL": url_as(WORKER if verb == "work" else HUB, database.database_url),
        "VERITAS_REDIS_URL": database.redis_url,
        "VERITAS_JWT_SECRET": SECRET,
        "VERITAS_BCRYPT_COST": "10",
        "VERITAS_DRAIN_MS": "500",
    }
    with (folder / f"{verb}-{port}.log").open("ab") as log:
        process = subprocess.Popen(veritas(verb), env=environ, cwd=ROOT, stdout=log, stderr=log)
    processes.append(process)
    return process


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=1):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
