"""Streams of working clients reach their maximum age while networks break; a day takes one second here."""

import asyncio
from functools import partial
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import EventStream
from db.queries import verify
from db.queries.connections import resume
from db.settings import DatabaseSettings
from hub.monitor.times import SessionTimes
from hub.timing import Timing
from tests.faults.checker import Diary, check, unacknowledged
from tests.veritas.hubs import LOGIN, run_hub
from veritas.client import Candidate
from veritas.rest import Rest

DAY_MS = 1_000
WORK_S = 3.5


@pytest.fixture
def short_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "STREAM_MS", DAY_MS)
    monkeypatch.setattr(resume, "EARLY_MS", DAY_MS // 4)


@pytest.mark.usefixtures("short_day")
async def test_every_event_is_stored_once_across_the_change_of_streams(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    async with (
        run_hub(database, engine, Timing(session=SessionTimes(stream_ms=DAY_MS))) as addresses,
        Rest(addresses.base_url) as rest,
    ):
        teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
        exam_id = await teacher.create_exam("Physics", duration_minutes=60, preset="camera")
        students = [{"username": f"s{number}", "name": "S"} for number in range(4)]
        sessions = [
            await rest.sign_in_by_code(student.code) for student in await teacher.extend_roster(exam_id, students)
        ]
        diaries = [Diary(await session.start(exam_id)) for session in sessions]
        clients = [
            Candidate(
                rest.socket_urls("/ws/monitor"),
                diary.attempt_id,
                partial(session.ticket, "monitor"),
                log=diary.notes.append,
                proxy=None,
            )
            for diary, session in zip(diaries, sessions, strict=True)
        ]
        await asyncio.gather(*(work(client, Random(seed)) for seed, client in enumerate(clients)))
    for client, diary in zip(clients, diaries, strict=True):
        assert client.sent == client.acked
        assert unacknowledged(diary) == []
    async with engine.connect() as conn:
        streams = select(func.count()).select_from(EventStream).where(EventStream.kind == "client")
        assert (await conn.execute(streams)).scalar_one() >= 3 * len(clients)
        assert await check(conn, diaries) == []
        assert await verify.count_stored(conn, exam_id) == sum(client.sent for client in clients)


async def work(client: Candidate, random: Random) -> None:
    """Type without a pause; the network of every second client breaks."""
    breaks = random.random() < 0.5
    async with client, asyncio.timeout(60):
        until_s = asyncio.get_running_loop().time() + WORK_S
        streams: set[UUID | None] = set()
        while asyncio.get_running_loop().time() < until_s or len(streams - {None}) < 3:
            streams.add(client.stream)
            client.record("typing", {"item": "q1", "chars": client.sent, "ms": 3})
            if breaks and random.random() < 0.01:
                client.cut()
            await asyncio.sleep(0.005)
        await client.drained(15)
