"""Environment of the benchmarks: embedded servers on disk, the schema, a teacher, and hubs run as `veritas serve`.

Durability and settings are those of the product; never tuned for a benchmark.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from bench.errors import BenchError
from bench.load.messages import AttemptTicket
from bench.machine import free_port
from db import migrations
from db.engine import create_engine
from db.settings import DatabaseSettings
from protocol.roles import Role
from veritas.accounts import PasswordLogin, create_account
from veritas.embedded.processes import ChildCommand, launch
from veritas.embedded.servers import Servers, run_servers
from veritas.rest import Rest, UserSession
from veritas.simulation.students import make_roster

READY_S: Final = 30.0
SIGN_INS: Final = 8
SHOWN: Final = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")


class Environment(msgspec.Struct, frozen=True):
    """Servers of a benchmark, the folder of its logs, and a teacher who may create exams."""

    servers: Servers
    folder: Path
    teacher: PasswordLogin

    @property
    def postgres_pid(self) -> int:
        """Pid of PostgreSQL."""
        return self.servers.embedded[0].pid

    @property
    def redis_pid(self) -> int:
        """Pid of Redis."""
        return self.servers.embedded[1].pid


class Process(msgspec.Struct, frozen=True):
    """A server under test: its pid and its address, `127.0.0.1:port`."""

    pid: int
    address: str


class BenchExam(msgspec.Struct, frozen=True):
    """An exam and its attempts, each with a ticket for the socket."""

    exam_id: UUID
    attempts: list[AttemptTicket]


@contextmanager
def open_environment(folder: Path) -> Iterator[Environment]:
    """Run PostgreSQL and Redis in a folder on disk, with the schema and a teacher."""
    with run_servers(folder, {}) as servers:
        teacher = PasswordLogin("bench", secrets.token_urlsafe(12))
        asyncio.run(_prepare(servers, teacher))
        yield Environment(servers, folder, teacher)


@contextmanager
def run_hub(environment: Environment, module: str = "veritas.cli", **more: str) -> Iterator[Process]:
    """Run one hub with default settings while the block runs."""
    port = more.get("VERITAS_PORT") or str(free_port())
    environ = {
        "VERITAS_DATABASE_URL": environment.servers.database_url,
        "VERITAS_REDIS_URL": environment.servers.redis_url,
        "VERITAS_JWT_SECRET": secrets.token_urlsafe(48),
        "VERITAS_PORT": port,
    }
    with run_python(environment, "hub", (module, "serve"), environ | more) as pid:
        address = f"127.0.0.1:{port}"
        wait_until_ready(f"http://{address}/health/ready")
        yield Process(pid, address)


@contextmanager
def run_worker(environment: Environment, **more: str) -> Iterator[int]:
    """Run one worker with default settings while the block runs; yields its pid."""
    environ = {
        "VERITAS_DATABASE_URL": environment.servers.worker_url,
        "VERITAS_REDIS_URL": environment.servers.redis_url,
    }
    with run_python(environment, "worker", ("veritas.cli", "work"), environ | more) as pid:
        yield pid


@contextmanager
def run_peer(environment: Environment, module: str) -> Iterator[Process]:
    """Run one of the peers while the block runs."""
    port = free_port()
    with run_python(environment, "peer", (module, str(port), environment.servers.owner_url), {}) as pid:
        wait_until_ready(f"http://127.0.0.1:{port}/")
        yield Process(pid, f"127.0.0.1:{port}")


@contextmanager
def run_python(environment: Environment, name: str, argv: tuple[str, ...], more: dict[str, str]) -> Iterator[int]:
    """Run a module as a separate process that logs into the folder; yields its pid."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VERITAS_")}
    command = ChildCommand(
        argv=(sys.executable, "-m", *argv), environ=inherited | more, log=environment.folder / f"{name}.log"
    )
    process = launch(command)
    try:
        yield process.pid
        if process.poll() is not None:
            raise BenchError(f"{name} ended early: see {command.log}")
    finally:
        process.terminate()
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def start_exam(environment: Environment, hub: Process, size: int) -> BenchExam:
    """Create an exam; all candidates sign in, start, and get a ticket, through the public API."""
    async with Rest(f"http://{hub.address}") as rest:
        teacher = await rest.sign_in(environment.teacher.username, environment.teacher.password)
        exam_id = await teacher.create_exam("bench", duration_minutes=600, preset="camera")
        enrolled = await teacher.extend_roster(exam_id, make_roster(size))
        signing_in = asyncio.Semaphore(SIGN_INS)

        async def sign_in(code: str) -> tuple[UUID, UserSession]:
            async with signing_in:
                session = await rest.sign_in_by_code(code)
                return await session.start(exam_id), session

        sessions = await asyncio.gather(*(sign_in(student.code) for student in enrolled))
        # Tickets expire after seconds, so get them last.
        tickets = await asyncio.gather(*(session.ticket("monitor") for _, session in sessions))
    attempts = [AttemptTicket(attempt_id, ticket) for (attempt_id, _), ticket in zip(sessions, tickets, strict=True)]
    return BenchExam(exam_id, attempts)


async def fetch(environment: Environment, statement: str, *values: object) -> list[asyncpg.Record]:
    """Run a query outside any measurement."""
    conn = await asyncpg.connect(environment.servers.admin_url)
    try:
        rows: list[asyncpg.Record] = await conn.fetch(statement, *values)
        return rows
    finally:
        await conn.close()


async def read_settings(environment: Environment) -> dict[str, str]:
    """Return the settings of PostgreSQL that matter for the result."""
    rows = await fetch(environment, "SELECT name, setting, unit FROM pg_settings WHERE name = ANY($1)", list(SHOWN))
    return {row["name"]: row["setting"] + (f" x {row['unit']}" if row["unit"] else "") for row in rows}


async def _prepare(servers: Servers, teacher: PasswordLogin) -> None:
    await migrations.upgrade(servers.owner_url)
    engine = create_engine(DatabaseSettings(database_url=servers.database_url, redis_url=servers.redis_url))
    try:
        await create_account(engine, Role.TEACHER, "Bench", teacher)
    finally:
        await engine.dispose()


def wait_until_ready(url: str) -> None:
    """Wait until an address answers. Raises BenchError after READY_S."""
    give_up_s = time.monotonic() + READY_S
    while time.monotonic() < give_up_s:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise BenchError(f"{url} did not answer within {READY_S:.0f} s")
