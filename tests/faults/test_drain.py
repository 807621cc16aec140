"""A hub shuts down while hundreds of candidates work: each of them reconnects to another hub and loses nothing."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, EventStream, MonitoringEvent
from db.settings import DatabaseSettings
from tests.faults.checker import Diary, check
from tests.faults.hubs import Hub, TicketedAttempt, make_attempts, run_hub
from veritas.client import Candidate

STUDENTS = 500
DRAIN_MS = 15_000
"""The default."""

EVERY_S = 4.0
CONNECTING_AT_ONCE = 25

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]


class WorkingCandidate:
    """A candidate that types regularly, keeps a log of its events, and notes the close code of each connection."""

    def __init__(self, attempt: TicketedAttempt, urls: list[str]) -> None:
        self.diary = Diary(attempt.attempt_id)
        self.codes: list[int] = []
        self.candidate = Candidate(
            urls, attempt.attempt_id, attempt.ticket, log=self.diary.notes.append, proxy=None, alive_ms=60_000
        )
        connect_once = self.candidate._link._once

        async def noted(*arguments: Any) -> Any:
            parting = await connect_once(*arguments)
            self.codes.append(parting.code)
            return parting

        self.candidate._link._once = noted  # type: ignore[assignment, method-assign]  # a spy

    async def work(self, limit: asyncio.Semaphore, ending: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            async with limit:
                await stack.enter_async_context(self.candidate)
                self.candidate.record("item_opened", {"item": "1"})
                self.candidate.record("screen_count", {"n": 1})
                await self.candidate.drained(30)
            while not ending.is_set():
                self.candidate.record("typing", {"item": "1", "chars": 1, "ms": 100})
                await asyncio.sleep(EVERY_S)
            await self.candidate.drained(30)


async def test_a_drained_hub_with_500_sockets_loses_no_candidate_and_no_event(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drain = {"VERITAS_DRAIN_MS": str(DRAIN_MS), "VERITAS_LOG_LEVEL": "info"}
    async with AsyncExitStack() as hubs:
        first, second, attempts = await asyncio.gather(
            hubs.enter_async_context(run_hub(database, tmp_path, **drain)),
            hubs.enter_async_context(run_hub(database, tmp_path, **drain)),
            make_attempts(engine, STUDENTS),
        )
        candidates = [WorkingCandidate(attempt, [first.url, second.url]) for attempt in attempts]
        ending = asyncio.Event()
        limit = asyncio.Semaphore(CONNECTING_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for candidate in candidates:
                tasks.create_task(candidate.work(limit, ending))
            await wait_for_all(candidates, lambda candidate: candidate.candidate.acked > 1)
            took_s = await drain_hub(first)
            before = {candidate: candidate.candidate.acked for candidate in candidates}
            await wait_for_all(candidates, lambda candidate: candidate.candidate.acked > before[candidate])
            ending.set()
        assert Counter(tuple(candidate.codes) for candidate in candidates) == {(4505, 1000): STUDENTS}
        await check_record(engine, candidates)
    with capsys.disabled():
        sys.stdout.write(f"\n{STUDENTS} sockets drained in {took_s:.1f} s (announced: {DRAIN_MS / 1000:.0f} s)\n")


async def wait_for_all(candidates: list[WorkingCandidate], condition: Callable[[WorkingCandidate], bool]) -> None:
    """Wait until the condition is true for every candidate."""
    async with asyncio.timeout(100):
        while not all(map(condition, candidates)):  # noqa: ASYNC110 - clients report no event
            await asyncio.sleep(0.05)


async def drain_hub(hub: Hub) -> float:
    began = time.monotonic()
    hub.signal(signal.SIGTERM)
    while await hub.ready() != 503:  # noqa: ASYNC110 - the other process reports no event
        await asyncio.sleep(0.01)
    assert await hub.process.wait() == 0, hub.log.read_text()
    return time.monotonic() - began


async def check_record(engine: AsyncEngine, candidates: list[WorkingCandidate]) -> None:
    acked = sum(candidate.candidate.acked for candidate in candidates)
    assert acked == sum(candidate.candidate.sent for candidate in candidates) > 3 * STUDENTS
    async with engine.connect() as conn:
        assert await check(conn, [candidate.diary for candidate in candidates]) == []
        stored = (
            select(func.count())
            .select_from(MonitoringEvent)
            .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
            .where(EventStream.kind == "client")
        )
        assert (await conn.execute(stored)).scalar_one() == acked
        first = select(Connection.cause).where(Connection.generation == 1).distinct()
        assert list((await conn.execute(first)).scalars()) == ["drain"]
