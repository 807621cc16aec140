"""Snapshot + deltas == a fresh snapshot, over the real queries, at any interleaving of changes, watchers and looks.

Every column a board shows is changed through every route there is; hints come or do not; consoles come, leave and come
back from any offset; what the feed keeps may be cut off beneath them.
"""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from db.engine import create_engine
from db.errors import LOCK_NOT_AVAILABLE, NotFound, sqlstate_of
from db.models import ExamAttempt
from db.notify import Notification, Notifier
from db.queries import feed
from db.queries.attempts.end import end_attempt
from db.queries.attempts.start import start_attempt
from db.queries.console import instructions
from db.queries.events import system_events
from db.queries.exams import exams, rosters
from db.settings import DatabaseSettings
from db.unit import change
from hub.board.board import Board
from hub.board.feeds import Feed
from hub.commands.commands import Commands
from judgement import grading
from judgement.attempts import Action
from protocol.attempts import InstructionState
from protocol.codec import Encoding
from protocol.console import Command, ExamRow, Since, StudentRow
from protocol.flags import FlagStatus
from tests.factories import make_connection, make_stream, make_user, store_events
from tests.hub.exam_room import Watcher, make_room
from tests.seeded_attempts import ending
from tests.workers.rooms import AWAY
from workers.jobs.evaluate import Evaluator

T = TypeVar("T")

NOWHERE = "redis://127.0.0.1:1"
KEPT_ROWS = 5

CHANGES = (
    "edit",
    "enrol",
    "leave_roster",
    "sit",
    "hand_in",
    "end",
    "fold",
    "come_and_go",
    "review",
    "review_what_may_not_be_so",
    "message_all",
    "message_one",
    "ask_in_passing",
    "answer",
    "expire",
    "trim",
)
picks = st.integers(0, 99)
changes = st.tuples(st.sampled_from(CHANGES), picks)
encodings = st.sampled_from(Encoding)


class Exam:
    """One exam, changed through every route that changes a board; each change picks by a number what it is about."""

    def __init__(self, database: DatabaseSettings) -> None:
        self.engine = create_engine(database)
        self.notifier = Notifier.connect(NOWHERE)
        self.commands = Commands(self.engine, self.notifier)
        self.evaluator = Evaluator(self.engine, self.notifier)
        self.names: dict[UUID, str] = {}
        self.gone: set[UUID] = set()
        self.attempts: list[UUID] = []
        self.sat: set[UUID] = set()

    async def open(self) -> "Exam":
        self.room = await make_room(self.engine)
        self.exam_id = self.room.exam
        for _ in range(2):
            await self.enrol(0)
            await self.sit(0)
        return self

    async def close(self) -> None:
        await self.commands.__aexit__(None, None, None)
        await self.notifier.close()
        await self.engine.dispose()

    async def edit(self, pick: int) -> None:
        async with self.engine.begin() as conn:
            await exams.change_exam(conn, self.exam_id, {"title": f"Physics {pick}", "duration_minutes": 1 + pick})
            await feed.append(conn, self.exam_id, [ExamRow(self.exam_id, f"Physics {pick}", 1 + pick)])

    async def enrol(self, pick: int) -> None:
        """Somebody new, or somebody who was taken off the roster."""
        back = sorted(self.gone)
        async with self.engine.begin() as conn:
            student = one_of(back, pick) if back and pick % 2 else await make_user(conn, name=f"Ada {pick}")
            name = self.names.setdefault(student, f"Ada {pick}")
            if await rosters.enroll(conn, self.exam_id, [student]):
                await feed.append(conn, self.exam_id, [StudentRow(student, name)])
        self.gone.discard(student)

    async def leave_roster(self, pick: int) -> None:
        student = one_of(list(self.names), pick)
        async with self.engine.begin() as conn:
            row = await rosters.remove_from_roster(conn, self.exam_id, student)
            if row is not None:
                await feed.append(conn, self.exam_id, [row])
        self.gone.add(student)

    async def sit(self, pick: int) -> None:
        """The next student who has not sat it yet, unless somebody takes them off the roster meanwhile."""
        del pick
        student = next((one for one in self.names if one not in self.gone | self.sat), None)
        if student is None:
            return
        self.sat.add(student)
        try:
            async with change(self.engine, None) as unit:
                opened = await start_attempt(unit.conn, self.exam_id, student, rulebook_version=1)
                unit.feed(self.exam_id, [] if opened.row is None else [opened.row])
        except NotFound:
            self.sat.discard(student)
        else:
            self.attempts.append(opened.attempt_id)

    async def hand_in(self, pick: int) -> None:
        """Somebody is done, or their time is over, or was before; not at every call, for the others sit on."""
        if pick % 3:
            return
        attempt = one_of(self.attempts, pick // 3)
        action = one_of([Action.SUBMIT, Action.TIME_OUT, Action.END], pick // 9)
        async with self.engine.begin() as conn:
            ended = await end_attempt(conn, attempt, ending(action), grading)
            if ended.row is not None:
                await feed.append(conn, self.exam_id, [ended.row])

    async def end(self, pick: int) -> None:
        """A person ends somebody's attempt, or finds it ended."""
        if pick % 4 == 3:
            attempt = one_of(self.attempts, 2 + pick // 4)
            await self.command(action="end", to=[attempt], reason=f"because {pick}")

    async def fold(self, pick: int) -> None:
        """A candidate leaves the page for long: a flag is raised, the score falls."""
        attempt = one_of(self.attempts, pick)
        async with self.engine.begin() as conn:
            await store_events(conn, await make_stream(conn, attempt), AWAY)
        await self.evaluator.evaluate([attempt])

    async def come_and_go(self, pick: int) -> None:
        """A candidate's client was there for a part of the time, or still is: coverage moves, and with it the score."""
        attempt = one_of(self.attempts, pick)
        try:
            async with self.engine.begin() as conn:
                await conn.execute(select(ExamAttempt.id).where(ExamAttempt.id == attempt).with_for_update())
                until_s = -pick / 2 if pick % 3 else None
                await make_connection(conn, attempt, await make_stream(conn, attempt), opened_s=-pick, closed_s=until_s)
                await system_events.append_events(conn, attempt, [system_events.ServerEvent("connection_opened")])
        except DBAPIError as error:
            if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
                raise
            return  # a client would come again
        await self.evaluator.evaluate([attempt])

    async def review(self, pick: int) -> None:
        flags = (await self.fresh()).flags
        if flags:
            flag = one_of(sorted(flags), pick)
            decision = one_of([FlagStatus.CONFIRMED, FlagStatus.DISMISSED, FlagStatus.ESCALATED], pick // 3)
            await self.command(
                action="review", flag_id=flag, seen=flags[flag].status, decision=decision, reason="because"
            )

    async def review_what_may_not_be_so(self, pick: int) -> None:
        flags = (await self.fresh()).flags
        if flags:
            seen, decision = one_of(list(FlagStatus), pick), one_of(list(FlagStatus), pick // 5)
            flag = one_of(sorted(flags), pick)
            await self.command(action="review", flag_id=flag, seen=seen, decision=decision, reason="because")

    async def message_all(self, pick: int) -> None:
        await self.command(action="message", text=f"all {pick}")

    async def message_one(self, pick: int) -> None:
        await self.command(action="message", to=[one_of(self.attempts, pick)], text=f"one {pick} å")

    async def ask_in_passing(self, pick: int) -> None:
        """An instruction that is over at once."""
        async with self.engine.begin() as conn:
            rows = await instructions.issue_instructions(
                conn,
                self.exam_id,
                [one_of(self.attempts, pick)],
                action=one_of(["pause", "resume"], pick),
                body={},
                actor_id=self.room.teacher.user_id,
                command_id=uuid4(),
                valid_s=0,
            )
            await feed.append(conn, self.exam_id, rows)

    async def answer(self, pick: int) -> None:
        async with self.engine.begin() as conn:
            attempt, n = one_of(self.attempts, pick), 1 + pick // 7 % 4
            row = await instructions.record_result(
                conn, attempt, n, ok=pick % 3 > 0, code="unsupported" if pick % 3 else None
            )
            if row is not None:
                await feed.append(conn, self.exam_id, [row])

    async def expire(self, pick: int) -> None:
        del pick
        async with change(self.engine, None) as unit:
            for exam_id, rows in (await instructions.expire_instructions(unit.conn)).items():
                unit.feed(exam_id, rows)

    async def trim(self, pick: int) -> None:
        async with self.engine.begin() as conn:
            await feed.trim_feeds(conn, rows=KEPT_ROWS + pick % 3)

    async def command(self, **fields: Any) -> None:
        command = Command(id=uuid4(), exam_id=self.exam_id, **fields)
        first = await self.commands.carry_out(self.room.teacher, command)
        assert await self.commands.carry_out(self.room.teacher, command) == first or first.code is not None

    async def fresh(self) -> Board:
        return await self.room.fresh()


class Watched(RuleBasedStateMachine):
    """Consoles that come, leave and return while an exam changes."""

    database: DatabaseSettings

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.watchers: list[Watcher] = []
        self.gone: list[Watcher] = []

    @initialize(encoding=encodings)
    def open(self, encoding: Encoding) -> None:
        self.exam = self.run(Exam(self.database).open())
        self.feed = self.run(Feed(self.exam.engine, poll_s=0.05).__aenter__())
        self.come(encoding)

    @rule(change=changes)
    def change(self, change: tuple[str, int]) -> None:
        self.run(self._change([change]))

    @rule(several=st.lists(changes, min_size=2, max_size=4))
    def change_at_once(self, several: list[tuple[str, int]]) -> None:
        self.run(self._change(several))

    @rule(encoding=encodings)
    def come(self, encoding: Encoding) -> None:
        watcher = Watcher(encoding)
        self.watchers.append(watcher)
        self.run(self._do(lambda: self.feed.watch(self.exam.exam_id, watcher)))

    @precondition(lambda self: self.watchers)
    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        """Perhaps before the board was shown."""
        watcher = one_of(self.watchers, pick)
        self.watchers.remove(watcher)
        self.gone.append(watcher)
        self.run(self._do(lambda: self.feed.unwatch(self.exam.exam_id, watcher)))

    @precondition(lambda self: self.gone)
    @rule(pick=picks, ahead=st.sampled_from([0, 0, 0, 1, 50]), epoch=st.sampled_from([None, None, "another"]))
    def come_back(self, pick: int, ahead: int, epoch: str | None) -> None:
        """From where it was, or from where nobody can be; with nothing in hand like a newcomer."""
        watcher = one_of(self.gone, pick)
        self.gone.remove(watcher)
        self.watchers.append(watcher)
        if watcher.board is None:
            self.run(self._do(lambda: self.feed.watch(self.exam.exam_id, watcher)))
            return
        offset = self.run(self.exam.fresh()).offset + ahead if ahead else watcher.board.offset
        since = Since(epoch or watcher.board.epoch, offset)
        self.run(self.feed.resume(self.exam.exam_id, watcher, since))

    @rule()
    def notification(self) -> None:
        self.run(self._do(lambda: self.feed.on_notification(Notification("feed", self.exam.exam_id))))

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    def teardown(self) -> None:
        if hasattr(self, "feed"):
            self.run(self._settle())
            self.run(self.feed.__aexit__(None, None, None))
            self.run(self.exam.close())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _change(self, several: Sequence[tuple[str, int]]) -> None:
        async with asyncio.TaskGroup() as changes:
            for name, pick in several:
                changes.create_task(getattr(self.exam, name)(pick))

    async def _do(self, act: Any) -> None:
        """Act, and let the feed run for a moment, perhaps into the middle of something."""
        act()
        await asyncio.sleep(0.002)

    async def _settle(self) -> None:
        fresh = await self.exam.fresh()
        for watcher in self.watchers:
            await watcher.reach(fresh)
            assert set(watcher.resyncs) <= {"hole"}, "only what was cut off beneath it may cost a console its place"


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
            max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


async def test_every_change_changes_the_board_and_a_console_that_only_polls_sees_each(
    database: DatabaseSettings,
) -> None:
    """What the machine above does by chance, each once: no route is without its feed row, and none is left untried."""
    exam = await Exam(database).open()
    watcher = Watcher()
    async with Feed(exam.engine, poll_s=0.02) as feeds:
        feeds.watch(exam.exam_id, watcher)
        await watcher.reach(await exam.fresh())
        ends = ("hand_in", "end")
        order = [name for name in CHANGES if name not in ("trim", "review_what_may_not_be_so", *ends)]
        for name in ("fold", *order, *ends, "enrol"):
            before = await exam.fresh()
            await getattr(exam, name)(3)
            fresh = await exam.fresh()
            assert fresh.offset > before.offset, name
            await watcher.reach(fresh)
    shown = (await exam.fresh()).instructions.values()
    assert {InstructionState.EXPIRED, InstructionState.SENT} <= {row.state for row in shown}
    assert (watcher.opened, watcher.resyncs) == (1, [])
    await exam.close()


async def test_many_consoles_see_the_same_while_everything_changes_at_once(database: DatabaseSettings) -> None:
    """A busy minute in a second: sixty changes by eight hands, consoles of both encodings joining in between."""
    choices = random.Random(7)
    exam = await Exam(database).open()
    watchers: list[Watcher] = []

    async def act() -> None:
        for _ in range(8):
            name = choices.choice([name for name in CHANGES if name != "trim"])
            await getattr(exam, name)(choices.randrange(100))

    async with Feed(exam.engine, poll_s=0.05) as feeds:
        hands = asyncio.gather(*(act() for _ in range(8)))
        while not hands.done():
            watchers.append(Watcher(choices.choice(list(Encoding))))
            feeds.watch(exam.exam_id, watchers[-1])
            await asyncio.wait((hands,), timeout=0.05)
        await hands
        fresh = await exam.fresh()
        for watcher in watchers:
            await watcher.reach(fresh)
            assert watcher.resyncs == []
    await exam.close()
