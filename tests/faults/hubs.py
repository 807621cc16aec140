"""Real hub processes on the test's own database, with attempts and tickets for many candidates."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.migrations.roles import HUB
from db.models import (
    AnalysisCursor,
    EventStream,
    ExamAttempt,
    ExamEnrollment,
    MonitoringEvent,
    User,
    UserSession,
    WsTicket,
)
from db.models.base import Base
from db.settings import DatabaseSettings
from hub.auth.tickets import draw_secret, hash_secret
from protocol.roles import Role
from tests import factories
from tests.journeys.stack import ROOT, veritas
from tests.ports import free_port
from tests.roles import url_as

SECRET = "a secret that only this test suite knows"
READY_S = 60


class Hub:
    """One `veritas serve`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self.base_url = f"http://127.0.0.1:{port}"
        self.url = f"ws://127.0.0.1:{port}/ws/monitor"
        self.log = log

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ready(self) -> int:
        """Return the HTTP status of its readiness, or 0 while it does not respond."""
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                return (await http.get(f"{self.base_url}/health/ready")).status_code
            except httpx.TransportError:
                return 0


@asynccontextmanager
async def run_hub(database: DatabaseSettings, folder: Path, **settings: str) -> AsyncIterator[Hub]:
    """Run a hub process, from its readiness until the block ends."""
    port = free_port()
    log = folder / f"hub-{port}.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VERITAS_")} | {
        "VERITAS_DATABASE_URL": url_as(HUB, database.database_url),
        "VERITAS_REDIS_URL": database.redis_url,
        "VERITAS_JWT_SECRET": SECRET,
        "VERITAS_PORT": str(port),
        **settings,
    }
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *veritas("serve"), env=environ, cwd=ROOT, stdout=output, stderr=output
        )
    hub = Hub(process, port, log)
    try:
        async with asyncio.timeout(READY_S):
            while await hub.ready() != 200:
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield hub
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class TicketedAttempt:
    """One student's running attempt, with tickets for its socket."""

    def __init__(self, attempt_id: UUID, tickets: list[str]) -> None:
        self.attempt_id = attempt_id
        self._tickets = tickets

    async def ticket(self) -> str:
        return self._tickets.pop()


async def make_attempts(engine: AsyncEngine, students: int, tickets: int = 10) -> list[TicketedAttempt]:
    """Create an exam with running attempts; each student has this many tickets, valid longer than any test.

    The first attempt is made by the project's own queries, the others are copies of its rows: it takes half a second.
    """
    async with engine.begin() as conn:
        exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
        student_id = await factories.make_user(conn)
        attempt_id = await factories.make_attempt(conn, exam_id, student_id)
        started = [(student_id, attempt_id)] + [(uuid7(), uuid7()) for _ in range(students - 1)]
        if students > 1:
            await _copy_attempt(conn, started)
        return await _sign_in(conn, started, tickets)


async def _copy_attempt(conn: AsyncConnection, started: list[tuple[UUID, UUID]]) -> None:
    (student, attempt), others = started[0], started[1:]
    streams = {attempt_id: uuid7() for _, attempt_id in others}
    system = (await conn.execute(select(EventStream.id).where(EventStream.attempt_id == attempt))).scalar_one()
    await _copy(conn, User, User.id == student, [{"id": s, "username": f"u-{s}"} for s, _ in others])
    enrolled = ExamEnrollment.student_id == student
    await _copy(conn, ExamEnrollment, enrolled, [{"student_id": s} for s, _ in others])
    numbered = enumerate(others, 2)
    attempts = [{"id": a, "student_id": s, "ix": ix} for ix, (s, a) in numbered]
    await _copy(conn, ExamAttempt, ExamAttempt.id == attempt, attempts)
    await _copy(conn, AnalysisCursor, AnalysisCursor.attempt_id == attempt, [{"attempt_id": a} for _, a in others])
    opened = [{"attempt_id": a, "id": stream} for a, stream in streams.items()]
    await _copy(conn, EventStream, EventStream.id == system, opened)
    events = [{"stream_id": stream} for stream in streams.values()]
    await _copy(conn, MonitoringEvent, MonitoringEvent.stream_id == system, events)


async def _copy(conn: AsyncConnection, model: type[Base], which: Any, changes: list[dict[str, Any]]) -> None:
    row = dict((await conn.execute(select(model.__table__).where(which))).mappings().one())
    await conn.execute(insert(model), [row | change for change in changes])


async def _sign_in(conn: AsyncConnection, started: list[tuple[UUID, UUID]], tickets: int) -> list[TicketedAttempt]:
    until = datetime.now(UTC) + timedelta(minutes=10)
    attempts, sessions, unused = [], [], []
    for student_id, attempt_id in started:
        session, secrets = uuid4(), [draw_secret() for _ in range(tickets)]
        sessions.append({"id": session, "user_id": student_id, "ends_at": until})
        ticket = {"user_id": student_id, "expires_at": until, "purpose": "monitor", "session": session}
        unused += [ticket | {"hash": hash_secret(secret)} for secret in secrets]
        attempts.append(TicketedAttempt(attempt_id, secrets))
    await conn.execute(insert(UserSession), sessions)
    await conn.execute(insert(WsTicket), unused)
    return attempts
