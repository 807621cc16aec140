"""Snapshot + deltas == a fresh snapshot, over the real queries, at any interleaving of changes, watchers and looks."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from db.engine import create_engine
from db.hints import Hint
from db.queries import feed as feeds
from db.queries import instructions
from db.settings import DatabaseSettings
from hub.live.commands import Commands
from hub.live.feed import Feed
from protocol.codec import Encoding
from protocol.console import Command, Since
from protocol.flags import FlagStatus
from tests.hub.live.room import Watcher, make_room

T = TypeVar("T")


class Silent:
    """Redis is away."""

    async def announce(self, channel: str, key: UUID) -> None:
        del channel, key


class Watched(RuleBasedStateMachine):
    """One exam in which things happen, and consoles that come, leave and return."""

    database: DatabaseSettings
    attempts: Bundle[UUID] = Bundle("attempts")
    flags: Bundle[UUID] = Bundle("flags")
    gone: Bundle[Watcher] = Bundle("gone")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.watchers: list[Watcher] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        self.run(self._open())

    async def _open(self) -> None:
        self.engine = create_engine(self.database)
        self.room = await make_room(self.engine)
        self.commands = Commands(self.engine, Silent())
        self.feed = await Feed(self.engine, poll_s=0.05).__aenter__()

    @rule(target=attempts)
    def sit(self) -> UUID:
        return self.run(self.room.sit())

    @rule(target=flags, attempt=attempts)
    def flag(self, attempt: UUID) -> UUID:
        return self.run(self.room.flag(attempt))

    @rule(flag=flags, seen=st.sampled_from(FlagStatus), decision=st.sampled_from(FlagStatus))
    def review(self, flag: UUID, seen: FlagStatus, decision: FlagStatus) -> None:
        self.run(self._command(action="review", flag_id=flag, seen=seen, decision=decision, reason="because"))

    @rule(text=st.text(min_size=1, max_size=20))
    def message_all(self, text: str) -> None:
        self.run(self._command(action="message", text=text))

    @rule(attempt=attempts, text=st.text(min_size=1, max_size=20))
    def message_one(self, attempt: UUID, text: str) -> None:
        self.run(self._command(action="message", to=[attempt], text=text))

    async def _command(self, **fields: Any) -> None:
        await self.commands.carry_out(self.room.teacher, Command(id=uuid4(), exam_id=self.room.exam, **fields))

    @rule(attempt=attempts, n=st.integers(1, 3), ok=st.booleans())
    def answer(self, attempt: UUID, n: int, ok: bool) -> None:
        self.run(self._answer(attempt, n, ok=ok))

    async def _answer(self, attempt: UUID, n: int, *, ok: bool) -> None:
        async with self.engine.begin() as conn:
            row = await instructions.answer(conn, attempt, n, ok=ok, code=None if ok else "unsupported")
            if row is not None:
                await feeds.append(conn, self.room.exam, [row])

    @rule(encoding=st.sampled_from(Encoding))
    def come(self, encoding: Encoding) -> None:
        watcher = Watcher(encoding)
        self.watchers.append(watcher)
        self.run(self._watch(watcher))

    async def _watch(self, watcher: Watcher) -> None:
        self.feed.watch(self.room.exam, watcher)
        await asyncio.sleep(0)

    @rule(target=gone, data=st.data())
    def leave(self, data: st.DataObject) -> Any:
        settled = [watcher for watcher in self.watchers if watcher.board is not None]
        if not settled:
            return multiple()
        watcher = data.draw(st.sampled_from(settled))
        self.watchers.remove(watcher)
        self.run(self._leave(watcher))
        return watcher

    async def _leave(self, watcher: Watcher) -> None:
        self.feed.unwatch(self.room.exam, watcher)

    @rule(watcher=consumes(gone))
    def come_back(self, watcher: Watcher) -> None:
        self.watchers.append(watcher)
        assert watcher.board is not None
        self.run(self.feed.resume(self.room.exam, watcher, Since(watcher.board.epoch, watcher.board.offset)))

    @rule()
    def look(self) -> None:
        self.run(self._hint())

    async def _hint(self) -> None:
        self.feed.on_hint(Hint("feed", self.room.exam))
        await asyncio.sleep(0.002)

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    async def _settle(self) -> None:
        fresh = await self.room.fresh()
        for watcher in self.watchers:
            await watcher.reach(fresh)
            assert watcher.resyncs == []

    def teardown(self) -> None:
        if hasattr(self, "feed"):
            self.run(self._settle())
            self.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self.feed.__aexit__(None, None, None)
        await self.commands.__aexit__(None, None, None)
        await self.engine.dispose()


def test_snapshot_and_deltas_are_a_fresh_snapshot(database: DatabaseSettings) -> None:
    def machine() -> Watched:
        watched = Watched()
        watched.database = database
        return watched

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
