"""Snapshot + deltas == a fresh snapshot, over the real queries, at any interleaving of changes, watchers and looks."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

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

picks = st.integers(0, 11)
texts = st.text(min_size=1, max_size=20)
encodings = st.sampled_from(Encoding)


class Silent:
    """Redis is away."""

    async def announce(self, channel: str, key: UUID) -> None:
        del channel, key


class Watched(RuleBasedStateMachine):
    """One exam in which things happen, and consoles that come, leave and return."""

    database: DatabaseSettings

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.watchers: list[Watcher] = []
        self.gone: list[Watcher] = []
        self.attempts: list[UUID] = []
        self.flags: list[UUID] = []

    @initialize(encoding=encodings)
    def open(self, encoding: Encoding) -> None:
        self.run(self._open())
        self.come(encoding)
        self.sit()
        self.flag(0)

    @rule()
    def sit(self) -> None:
        self.attempts.append(self.run(self.room.sit()))

    @rule(pick=picks)
    def flag(self, pick: int) -> None:
        self.flags.append(self.run(self.room.flag(one_of(self.attempts, pick))))

    @rule(pick=picks, decision=st.sampled_from([FlagStatus.CONFIRMED, FlagStatus.DISMISSED, FlagStatus.ESCALATED]))
    def review(self, pick: int, decision: FlagStatus) -> None:
        flag = one_of(self.flags, pick)
        seen = self.run(self.room.fresh()).flags[flag].status
        self.command(action="review", flag_id=flag, seen=seen, decision=decision, reason="because")

    @rule(pick=picks, seen=st.sampled_from(FlagStatus), decision=st.sampled_from(FlagStatus))
    def review_what_may_not_be_so(self, pick: int, seen: FlagStatus, decision: FlagStatus) -> None:
        flag = one_of(self.flags, pick)
        self.command(action="review", flag_id=flag, seen=seen, decision=decision, reason="because")

    @rule(text=texts)
    def message_all(self, text: str) -> None:
        self.command(action="message", text=text)

    @rule(pick=picks, text=texts)
    def message_one(self, pick: int, text: str) -> None:
        self.command(action="message", to=[one_of(self.attempts, pick)], text=text)

    @rule(pick=picks, n=st.integers(1, 3), ok=st.booleans())
    def answer(self, pick: int, n: int, ok: bool) -> None:
        self.run(self._answer(one_of(self.attempts, pick), n, ok=ok))

    @rule(encoding=encodings)
    def come(self, encoding: Encoding) -> None:
        watcher = Watcher(encoding)
        self.watchers.append(watcher)
        self.run(self._do(lambda: self.feed.watch(self.room.exam, watcher)))

    @precondition(lambda self: any(watcher.board for watcher in self.watchers))
    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        watcher = one_of([watcher for watcher in self.watchers if watcher.board], pick)
        self.watchers.remove(watcher)
        self.gone.append(watcher)
        self.run(self._do(lambda: self.feed.unwatch(self.room.exam, watcher)))

    @precondition(lambda self: self.gone)
    @rule(pick=picks)
    def come_back(self, pick: int) -> None:
        watcher = one_of(self.gone, pick)
        self.gone.remove(watcher)
        self.watchers.append(watcher)
        assert watcher.board is not None
        self.run(self.feed.resume(self.room.exam, watcher, Since(watcher.board.epoch, watcher.board.offset)))

    @rule()
    def look(self) -> None:
        self.run(self._do(lambda: self.feed.on_hint(Hint("feed", self.room.exam))))

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    def teardown(self) -> None:
        if hasattr(self, "feed"):
            self.run(self._settle())
            self.run(self._close())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def command(self, **fields: Any) -> None:
        command = Command(id=uuid4(), exam_id=self.room.exam, **fields)
        self.run(self.commands.carry_out(self.room.teacher, command))

    async def _open(self) -> None:
        self.engine = create_engine(self.database)
        self.room = await make_room(self.engine)
        self.commands = Commands(self.engine, Silent())
        self.feed = await Feed(self.engine, poll_s=0.05).__aenter__()

    async def _do(self, act: Any) -> None:
        """Act, and let the feed run for a moment, perhaps into the middle of something."""
        act()
        await asyncio.sleep(0.002)

    async def _answer(self, attempt: UUID, n: int, *, ok: bool) -> None:
        async with self.engine.begin() as conn:
            row = await instructions.answer(conn, attempt, n, ok=ok, code=None if ok else "unsupported")
            if row is not None:
                await feeds.append(conn, self.room.exam, [row])

    async def _settle(self) -> None:
        fresh = await self.room.fresh()
        for watcher in self.watchers:
            await watcher.reach(fresh)
            assert watcher.resyncs == []

    async def _close(self) -> None:
        await self.feed.__aexit__(None, None, None)
        await self.commands.__aexit__(None, None, None)
        await self.engine.dispose()


def one_of(things: Sequence[T], pick: int) -> T:
    return things[pick % len(things)]


def test_snapshot_and_deltas_are_a_fresh_snapshot(database: DatabaseSettings) -> None:
    def machine() -> Watched:
        watched = Watched()
        watched.database = database
        return watched

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
