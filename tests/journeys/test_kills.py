"""The demo with every one of its processes killed in the middle: nothing is lost, doubled, raised wrongly or missing.

A witness runs beside the simulated class. Its log is compared with the database, event by event.
"""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from sqlalchemy import distinct, func, select

from db.engine import create_engine
from db.models import Connection
from db.settings import DatabaseSettings
from judgement.rules import RULES
from protocol.flags import Severity
from tests.faults.checker import Diary, check, unacknowledged
from tests.journeys.processes import Stopwatch, kill_child, until, wait_for_exit
from tests.journeys.stack import ROOT, UP_S, environment, run, veritas
from tests.ports import free_port
from veritas.accounts import PasswordLogin
from veritas.client import Candidate
from veritas.embedded.server import exchange
from veritas.environment import Addresses, read_addresses, with_servers
from veritas.rest import Rest

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]

STUDENTS, SECONDS = 40, 42
HUB, WORKER, REDIS, POSTGRES = "veritas.cli serve", "veritas.cli work", "valkey-server", "bin/postgres"
FLUSH = "flush"
PLAN = ((2, HUB), (6, WORKER), (10, REDIS), (14, POSTGRES), (20, FLUSH), (22, HUB), (28, WORKER))
"""The processes to kill, with seconds after all students are connected. The class works until long after the last."""

WITNESS_S = 32.0


@dataclass
class Run:
    """The results of the run."""

    environ: dict[str, str]
    code: int = -1
    printed: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    diary: Diary | None = None
    witness: tuple[int, int, int] = (0, 0, 0)
    """The numbers of sent and acknowledged events, and of connections."""


async def break_everything(stack: int, addresses: Addresses, watch: Stopwatch) -> None:
    for at_s, what in PLAN:
        await watch.wait_for(at_s)
        if what == FLUSH:
            socket = Path(unquote(urlsplit(addresses.redis_url).path))
            assert exchange(socket, b"FLUSHALL\r\n") == b"+OK\r\n"
            watch.note("Redis flushed")
        else:
            watch.note("killed -9:", what, await kill_child(stack, what))
    await watch.wait_for(WITNESS_S)


async def wait_for_class(addresses: Addresses) -> None:
    """Until every student of the demo has a connection, and the witness."""
    engine = create_engine(DatabaseSettings(database_url=addresses.database_url, redis_url=addresses.redis_url))
    connected = select(func.count(distinct(Connection.attempt_id))).where(Connection.closed_at.is_(None))
    try:
        async with engine.connect() as conn, asyncio.timeout(UP_S):
            while (await conn.execute(connected)).scalar_one() <= STUDENTS:  # noqa: ASYNC110 - it is another process's
                await asyncio.sleep(0.1)
    finally:
        await engine.dispose()


@asynccontextmanager
async def run_witness(base_url: str, login: PasswordLogin, ran: Run) -> AsyncIterator[None]:
    """A candidate in a separate exam, who works while the block runs and logs everything."""
    async with Rest(base_url) as rest:
        teacher = await rest.sign_in(login.username, login.password)
        exam_id = await teacher.create_exam("Witnessed", duration_minutes=60, preset="camera")
        (student,) = await teacher.extend_roster(exam_id, [{"username": "witness", "name": "The Witness"}])
        session = await rest.sign_in_by_code(student.code)
        diary = ran.diary = Diary(await session.start(exam_id))
        candidate = Candidate(
            rest.socket_urls("/ws/monitor"),
            diary.attempt_id,
            lambda: session.ticket("monitor"),
            get_token=session.access,
            log=diary.notes.append,
            proxy=None,
        )
        async with candidate:
            working = asyncio.create_task(work(candidate))
            await until(lambda: candidate.acked)
            try:
                yield
            finally:
                working.cancel()
            candidate.hurry()
            await candidate.drained(30)
            ran.witness = candidate.sent, candidate.acked, candidate.connections


async def work(candidate: Candidate) -> None:
    while True:
        candidate.record("typing", {"item": "q1", "chars": candidate.sent, "ms": 0.5}, severity="none")
        await asyncio.sleep(0.05)


async def run_demo(environ: Mapping[str, str], folder: Path) -> Run:
    ran = Run(dict(environ))
    report = folder / "demo.json"
    size = ("--students", str(STUDENTS), "--seconds", str(SECONDS))
    arguments = veritas("demo", *size, "--headless", "--json", str(report))
    with (folder / "printed").open("w+") as printed:
        demo = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            arguments, env=environ, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT
        )
        try:
            addresses = await until(lambda: read_addresses(environ), UP_S)
            login = msgspec.json.decode(
                (Path(environ["VERITAS_DATA_DIR"]) / "login.json").read_bytes(), type=PasswordLogin
            )
            async with run_witness(addresses.base_url, login, ran):
                await wait_for_class(addresses)
                watch = Stopwatch()
                await break_everything(demo.pid, addresses, watch)
            watch.note("witness: sent, acknowledged, connections", *ran.witness)
            ran.code = await wait_for_exit(demo, 90)
            watch.note("demo ended:", ran.code)
        finally:
            demo.kill()
            demo.wait()
            printed.seek(0)
            ran.printed = printed.read()
            print(ran.printed)  # noqa: T201 - what a failed run is read by
    ran.report = json.loads(report.read_text())
    return ran


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("kills")
    return asyncio.run(run_demo(environment(folder / "data", free_port()), folder))


def test_the_class_loses_nothing_and_raises_exactly_the_right_flags(ran: Run) -> None:
    assert ran.code == 0, ran.printed
    assert ran.report["students"] == STUDENTS
    assert ran.report["sent"] == ran.report["acked"] == ran.report["stored"] > 40 * STUDENTS
    assert ran.report["flags_raised"] == ran.report["flags_seen"] > 0
    assert ran.report["expected_flags_missing"] == ran.report["unexpected_flags"] == []
    assert ran.report["lost"] == 0
    assert set(ran.report["flags_by_rule"]) == {rule.id for rule in RULES if rule.severity is not Severity.NORMAL}


def test_every_planned_kill_was_carried_out(ran: Run) -> None:
    assert ran.report["connections"] > 2 * STUDENTS
    lines = [json.loads(line) for line in ran.printed.splitlines() if line.startswith("{")]
    deaths = sorted(line["child"] for line in lines if line.get("how", "").startswith("SIGKILL"))
    assert deaths == ["hub", "hub", "postgres", "redis", "worker", "worker"]


def test_the_record_has_no_breaches_and_every_acknowledged_event_is_stored(ran: Run) -> None:
    diary = ran.diary
    assert diary is not None
    sent, acked, connections = ran.witness
    assert sent == acked > 300
    assert connections >= 3
    assert unacknowledged(diary) == []
    with with_servers(ran.environ) as environ:
        verified = run(veritas("verify", "--reproduce"), environ)
        faults = asyncio.run(_check(environ, diary))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert faults == []


async def _check(environ: Mapping[str, str], diary: Diary) -> list[str]:
    engine = create_engine(
        DatabaseSettings(database_url=environ["VERITAS_DATABASE_URL"], redis_url=environ["VERITAS_REDIS_URL"])
    )
    try:
        async with engine.connect() as conn:
            return await check(conn, [diary])
    finally:
        await engine.dispose()
