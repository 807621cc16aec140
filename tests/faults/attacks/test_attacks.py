"""Attackers beside honest candidates: acks stay about as fast as before, and the hub keeps its lease."""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import HubLease
from db.queries.accounts import credentials
from db.settings import DatabaseSettings
from hub.auth import tokens
from hub.auth.keys import Keys
from hub.auth.tickets import draw_secret, hash_secret
from hub.rest.http.bodies import LARGE_BYTES
from hub.sockets import now_ms
from protocol.roles import Role
from tests import factories
from tests.faults.hubs import SECRET, Hub, TicketedAttempt, make_attempts, run_hub
from tests.journeys.stack import ROOT
from tests.laws.largest_bodies import encode
from veritas.client import Candidate

pytestmark = [pytest.mark.timeout(180), pytest.mark.long]

VICTIMS = 5
EVERY_S = 0.05
ATTACK_S = 8.0
FLOOR_S = 0.25
"""What a busy machine may add to a p99. Before there were budgets, acks were 14 and 52 seconds late."""

GROWTH_BYTES = 12 * 1024 * 1024


class Victim:
    """A candidate that records an event every 50 ms and measures how long its acknowledgement takes."""

    def __init__(self, hub: Hub, attempt: TicketedAttempt) -> None:
        self.candidate = Candidate([hub.url], attempt.attempt_id, attempt.ticket, proxy=None, alive_ms=60_000)
        self.took_s: list[float] = []

    async def work(self) -> None:
        clock = asyncio.get_running_loop().time
        number = 0
        while True:
            began_s, number = clock(), number + 1
            self.candidate.record("typing", {"item": "1", "chars": 1, "ms": number})
            await self.candidate.drained(60)
            self.took_s.append(clock() - began_s)
            await asyncio.sleep(EVERY_S)


class Victims:
    def __init__(self, victims: list[Victim]) -> None:
        self._victims = victims

    async def p99_s(self, seconds: float) -> float:
        """Return the p99 of all acks of the next seconds."""
        for victim in self._victims:
            victim.took_s = []
        await asyncio.sleep(seconds)
        taken = sorted(took_s for victim in self._victims for took_s in victim.took_s)
        assert taken
        return taken[len(taken) * 99 // 100]


@asynccontextmanager
async def victims_of(hub: Hub, engine: AsyncEngine) -> AsyncIterator[Victims]:
    victims = [Victim(hub, attempt) for attempt in await make_attempts(engine, VICTIMS)]
    async with AsyncExitStack() as stack:
        for victim in victims:
            await stack.enter_async_context(victim.candidate)
            victim.candidate.record("item_opened", {"item": "1"})
            await victim.candidate.drained(30)
        working = [asyncio.create_task(victim.work()) for victim in victims]
        try:
            yield Victims(victims)
        finally:
            for task in working:
                task.cancel()
            ended = await asyncio.gather(*working, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def leases(engine: AsyncEngine) -> set[UUID]:
    async with engine.connect() as conn:
        return set((await conn.execute(select(HubLease.hub))).scalars())


async def attack(hub: Hub, name: str, argument: str = "") -> asyncio.subprocess.Process:
    address = hub.base_url.removeprefix("http://")
    command = (sys.executable, "-m", "tests.faults.attacks.attackers", name, address, str(ATTACK_S), argument)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)


def resident_bytes(hub: Hub) -> int:
    pages = int(Path(f"/proc/{hub.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def check_attack(
    hub: Hub, engine: AsyncEngine, capsys: pytest.CaptureFixture[str], name: str, argument: str = ""
) -> int:
    """Attack beside victims; return by how many bytes the hub grew.

    Hub, PostgreSQL, victims and attacker share the cores of one machine. So the times are also printed for programs
    that keep two cores busy and leave the hub alone: an attack that is about as fast costs the machine, not the hub.
    """
    async with victims_of(hub, engine) as victims:
        held = await leases(engine)
        await victims.p99_s(1.0)
        before_s = await victims.p99_s(ATTACK_S / 2)
        busy_s = await beside_busy_cores(hub, victims)
        size = resident_bytes(hub)
        attacker = await attack(hub, name, argument)
        during_s = await victims.p99_s(ATTACK_S - 2)
        growth = resident_bytes(hub) - size
        output, _ = await asyncio.wait_for(attacker.communicate(), 60)
        assert attacker.returncode == 0
        assert int(output) > 0
        assert await leases(engine) == held
    with capsys.disabled():
        times = f"ack p99 {1000 * before_s:.0f} → {1000 * during_s:.0f} ms (busy cores {1000 * busy_s:.0f} ms)"
        sys.stdout.write(f"\n{name}: {times}; {growth / 1e6:+.1f} MB; {int(output)} attacks\n")
    log = hub.log.read_text()
    assert '"level": "error"' not in log, log[-2_000:]
    assert "lease lost" not in log
    assert during_s <= 2 * before_s + FLOOR_S
    return growth


async def beside_busy_cores(hub: Hub, victims: Victims) -> float:
    """Return the p99 of acks while two other programs use the processor."""
    programs = [await attack(hub, "nothing") for _ in range(2)]
    busy_s = await victims.p99_s(ATTACK_S - 2)
    for program in programs:
        await asyncio.wait_for(program.communicate(), 60)
    return busy_s


async def test_strangers_that_send_pings_delay_no_candidate(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_hub(database, tmp_path, VERITAS_LOG_LEVEL="info") as hub:
        await check_attack(hub, engine, capsys, "pings")


async def test_unfinished_bodies_delay_no_candidate_and_cost_little_memory(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"VERITAS_LOG_LEVEL": "info", "VERITAS_UNFINISHED_BYTES": str(4 * 1024 * 1024)}
    async with run_hub(database, tmp_path, **settings) as hub:
        assert await check_attack(hub, engine, capsys, "bodies") < GROWTH_BYTES


async def test_a_teacher_who_replaces_items_all_the_time_delays_no_candidate_of_another_exam(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = [f"{number:017}" for number in range(100)]
    item = {"kind": "multiple", "prompt": "Which?", "choices": choices, "answer_key": choices[::-1]}
    body = encode({"items": [item | {"item": f"q{number}"} for number in range(250)]}, LARGE_BYTES)
    file = tmp_path / "items.json"
    await asyncio.to_thread(file.write_bytes, body)
    async with run_hub(database, tmp_path, VERITAS_LOG_LEVEL="info") as hub:
        path, token = await make_teacher(engine)
        await check_attack(hub, engine, capsys, "items", f"{path},{token},{file}")


async def test_sign_ins_that_are_abandoned_delay_no_candidate(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_hub(database, tmp_path, VERITAS_LOG_LEVEL="info") as hub:
        await check_attack(hub, engine, capsys, "sign_ins")


async def test_guesses_of_one_password_delay_no_candidate(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with engine.begin() as conn:
        teacher = await factories.make_user(conn, role=Role.TEACHER)
    async with run_hub(database, tmp_path, VERITAS_LOG_LEVEL="info") as hub:
        await check_attack(hub, engine, capsys, "guesses", f"u-{teacher}")


async def make_teacher(engine: AsyncEngine) -> tuple[str, str]:
    """Create a teacher with an exam; return the path of its items, and an access token."""
    session = uuid4()
    async with engine.begin() as conn:
        teacher = await factories.make_user(conn, role=Role.TEACHER)
        exam_id = await factories.make_exam(conn, teacher)
        await credentials.open_session(conn, session=session, user_id=teacher, token_hash=hash_secret(draw_secret()))
    claims = tokens.make_claims(teacher, Role.TEACHER, "Tess", session, now_ms=now_ms())
    return f"/exams/{exam_id}/items", tokens.sign(claims, Keys((SECRET,), SECRET))
