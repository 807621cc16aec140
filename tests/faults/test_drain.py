"""A hub shuts down with hundreds of connected candidates, who only notice a new address."""

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
from tests.faults.hubs import ExpectedFlags, Hub, run_hub, seat_class
from veritas.client import Candidate

STUDENTS = 500
DRAIN_MS = 15_000
"""As shipped."""

EVERY_S = 4.0
COMING_AT_ONCE = 25

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]


class Sitter:
    """One candidate at work: types now and then, keeps a diary, and notes how each connection of its ended."""

    def __init__(self, expected: ExpectedFlags, urls: list[str]) -> None:
        self.diary = Diary(expected.attempt_id)
        self.codes: list[int] = []
        self.candidate = Candidate(
            urls, expected.attempt_id, expected.ticket, log=self.diary.notes.append, proxy=None, alive_ms=60_000
        )
        once = self.candidate._link._once

        async def watched(*arguments: Any) -> Any:
            parting = await once(*arguments)
            self.codes.append(parting.code)
            return parting

        self.candidate._link._once = watched  # type: ignore[method-assign]

    async def work(self, doors: asyncio.Semaphore, ending: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            async with doors:
                await stack.enter_async_context(self.candidate)
                self.candidate.record("item_opened", {"item": "1"})
                self.candidate.record("screen_count", {"n": 1})
                await self.candidate.drained(30)
            while not ending.is_set():
                self.candidate.record("typing", {"item": "1", "chars": 1, "ms": 100})
                await asyncio.sleep(EVERY_S)
            await self.candidate.drained(30)


async def test_a_hub_drained_with_500_sockets_loses_no_client_and_no_event(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drain = {"VERITAS_DRAIN_MS": str(DRAIN_MS), "VERITAS_LOG_LEVEL": "info"}
    async with AsyncExitStack() as hubs:
        first, second, expectations = await asyncio.gather(
            hubs.enter_async_context(run_hub(database, tmp_path, **drain)),
            hubs.enter_async_context(run_hub(database, tmp_path, **drain)),
            seat_class(engine, STUDENTS),
        )
        sitters = [Sitter(expected, [first.url, second.url]) for expected in expectations]
        ending = asyncio.Event()
        doors = asyncio.Semaphore(COMING_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for sitter in sitters:
                tasks.create_task(sitter.work(doors, ending))
            await all_of(sitters, lambda sitter: sitter.candidate.acked > 1)
            took_s = await drain_hub(first)
            before = {sitter: sitter.candidate.acked for sitter in sitters}
            await all_of(sitters, lambda sitter: sitter.candidate.acked > before[sitter])
            ending.set()
        assert Counter(tuple(sitter.codes) for sitter in sitters) == {(4505, 1000): STUDENTS}
        await check_record(engine, sitters)
    with capsys.disabled():
        sys.stdout.write(f"\n{STUDENTS} sockets drained in {took_s:.1f} s (told {DRAIN_MS / 1000:.0f} s)\n")


async def all_of(sitters: list[Sitter], is_so: Callable[[Sitter], bool]) -> None:
    """Wait until it is so of every one."""
    async with asyncio.timeout(100):
        while not all(map(is_so, sitters)):  # noqa: ASYNC110 - of five hundred clients none tells us
            await asyncio.sleep(0.05)


async def drain_hub(hub: Hub) -> float:
    began = time.monotonic()
    hub.signal(signal.SIGTERM)
    while await hub.ready() != 503:  # noqa: ASYNC110 - the other process sends no event
        await asyncio.sleep(0.01)
    assert await hub.process.wait() == 0, hub.log.read_text()
    return time.monotonic() - began


async def check_record(engine: AsyncEngine, sitters: list[Sitter]) -> None:
    acked = sum(sitter.candidate.acked for sitter in sitters)
    assert acked == sum(sitter.candidate.sent for sitter in sitters) > 3 * STUDENTS
    async with engine.connect() as conn:
        assert await check(conn, [sitter.diary for sitter in sitters]) == []
        stored = (
            select(func.count())
            .select_from(MonitoringEvent)
            .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
            .where(EventStream.kind == "client")
        )
        assert (await conn.execute(stored)).scalar_one() == acked
        first = select(Connection.cause).where(Connection.generation == 1).distinct()
        assert list((await conn.execute(first)).scalars()) == ["drain"]
