"""Where benchmarks play: embedded servers on a disk, the schema, a teacher, and hubs started as `veritas serve`.

Durability and the hub's settings are those the product ships with; nothing is tuned here for a figure's sake.
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

from bench.errors import BenchFault
from bench.machine import free_port
from bench.messages import AttemptTicket
from db import migrations
from db.engine import create_engine
from db.settings import DatabaseSettings
from protocol.roles import Role
from veritas.accounts import Login, create_account
from veritas.embedded.processes import Command, launch
from veritas.embedded.servers import Servers, run_servers
from veritas.rest import Rest, UserSession
from veritas.simulation.students import make_roster

READY_S: Final = 30.0
SIGN_INS: Final = 8
SHOWN: Final = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")


class Stage(msgspec.Struct, frozen=True):
    """The servers of a benchmark, the folder of its logs, and a teacher who may make exams."""

    servers: Servers
    folder: Path
    teacher: Login

    @property
    def postgres_pid(self) -> int:
        """The postmaster."""
        return self.servers.embedded[0].pid

    @property
    def redis_pid(self) -> int:
        """The Redis server."""
        return self.servers.embedded[1].pid


class Process(msgspec.Struct, frozen=True):
    """A server under test: its pid and its address, `127.0.0.1:port`."""

    pid: int
    address: str


class Room(msgspec.Struct, frozen=True):
    """An exam with its candidates' attempts, a ticket to the socket for each."""

    exam_id: UUID
    attempts: list[AttemptTicket]


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """Run PostgreSQL and Redis in a folder of a real disk, with the schema and a teacher."""
    with run_servers(folder, {}) as servers:
        teacher = Login("bench", secrets.token_urlsafe(12))
        asyncio.run(_prepare(servers, teacher))
        yield Stage(servers, folder, teacher)


@contextmanager
def run_hub(stage: Stage, module: str = "veritas.cli", **more: str) -> Iterator[Process]:
    """Run one hub with the settings it ships with, until the end of the block."""
    port = free_port()
    environ = {
        "VERITAS_DATABASE_URL": stage.servers.database_url,
        "VERITAS_REDIS_URL": stage.servers.redis_url,
        "VERITAS_JWT_SECRET": secrets.token_urlsafe(48),
        "VERITAS_PORT": str(port),
    }
    with run_python(stage, "hub", (module, "serve"), environ | more) as pid:
        address = f"127.0.0.1:{port}"
        _wait_until_ready(f"http://{address}/health/ready")
        yield Process(pid, address)


@contextmanager
def run_peer(stage: Stage, module: str) -> Iterator[Process]:
    """Run one of the peers, until the end of the block."""
    port = free_port()
    with run_python(stage, "peer", (module, str(port), stage.servers.database_url), {}) as pid:
        _wait_until_ready(f"http://127.0.0.1:{port}/")
        yield Process(pid, f"127.0.0.1:{port}")


@contextmanager
def run_python(stage: Stage, name: str, argv: tuple[str, ...], more: dict[str, str]) -> Iterator[int]:
    """Run a module in a process of its own, logging into the stage's folder; yields its pid."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VERITAS_")}
    command = Command(argv=(sys.executable, "-m", *argv), environ=inherited | more, log=stage.folder / f"{name}.log")
    process = launch(command)
    try:
        yield process.pid
        if process.poll() is not None:
            raise BenchFault(f"{name} ended by itself: see {command.log}")
    finally:
        process.terminate()
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def seat_class(stage: Stage, hub: Process, size: int) -> Room:
    """Make an exam and have its candidates sign in, start, and take a ticket each: all through the public API."""
    async with Rest(f"http://{hub.address}") as rest:
        teacher = await rest.sign_in(stage.teacher.username, stage.teacher.password)
        exam_id = await teacher.create_exam("bench", duration_minutes=600, preset="camera")
        enrolled = await teacher.extend_roster(exam_id, make_roster(size))
        signing_in = asyncio.Semaphore(SIGN_INS)

        async def sign_in(code: str) -> tuple[UUID, UserSession]:
            async with signing_in:
                session = await rest.sign_in_by_code(code)
                return await session.start(exam_id), session

        sessions = await asyncio.gather(*(sign_in(student.code) for student in enrolled))
        # Tickets last for seconds: they come last.
        tickets = await asyncio.gather(*(session.ticket("monitor") for _, session in sessions))
    attempts = [AttemptTicket(attempt_id, ticket) for (attempt_id, _), ticket in zip(sessions, tickets, strict=True)]
    return Room(exam_id, attempts)


async def fetch(stage: Stage, statement: str, *values: object) -> list[asyncpg.Record]:
    """Ask PostgreSQL something, outside of any clock."""
    conn = await asyncpg.connect(stage.servers.database_url)
    try:
        rows: list[asyncpg.Record] = await conn.fetch(statement, *values)
        return rows
    finally:
        await conn.close()


async def read_settings(stage: Stage) -> dict[str, str]:
    """How PostgreSQL is set, where it matters for a figure."""
    rows = await fetch(stage, "SELECT name, setting, unit FROM pg_settings WHERE name = ANY($1)", list(SHOWN))
    return {row["name"]: row["setting"] + (f" x {row['unit']}" if row["unit"] else "") for row in rows}


async def _prepare(servers: Servers, teacher: Login) -> None:
    await migrations.upgrade(servers.database_url)
    engine = create_engine(DatabaseSettings(database_url=servers.database_url, redis_url=servers.redis_url))
    try:
        await create_account(engine, Role.TEACHER, "Bench", teacher)
    finally:
        await engine.dispose()


def _wait_until_ready(url: str) -> None:
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
    raise BenchFault(f"{url} did not answer within {READY_S:.0f} s")
