"""Snapshot + deltas == a fresh snapshot, with the real queries, at any interleaving of changes, consoles and polls.

Every column of a board is changed in every way there is; notifications arrive or not; consoles connect, leave and
resume from any offset; the oldest rows of the feed may be deleted in between.
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
from db.queries.exams.rosters import RosterLine
from db.settings import DatabaseSettings
from db.unit import change
from hub.board.board import Board
from hub.board.feeds import Feeds
from hub.commands.commands import Commands
from judgement import grading
from judgement.attempts import Action
from protocol.attempts import InstructionState
from protocol.codec import Encoding
from protocol.console import Command, ExamRow, Since, StudentRow
from protocol.flags import FlagStatus
from tests.factories import make_connection, make_stream, make_user, store_events
from tests.hub.exam_room import FakeConsole, make_exam_room
from tests.seeded_attempts import ending
from tests.workers.rooms import AWAY
from workers.jobs.evaluate import Evaluator

T = TypeVar("T")

NOWHERE = "redis://127.0.0.1:1"
KEPT_ROWS = 5

CHANGES = (
    "edit",
    "enroll",
    "remove",
    "start",
    "finish",
    "end",
    "evaluate",
    "connect",
    "review",
    "review_at_random",
    "message_all",
    "message_one",
    "issue_expired",
    "store_result",
    "expire",
    "trim",
)
picks = st.integers(0, 99)
changes = st.tuples(st.sampled_from(CHANGES), picks)
encodings = st.sampled_from(Encoding)


class ChangingExam:
    """One exam, changed in every way that changes a board; the number of each change selects its subject."""

    def __init__(self, database: DatabaseSettings) -> None:
        self.engine = create_engine(database)
        self.notifier = Notifier.connect(NOWHERE)
        self.commands = Commands(self.engine, self.notifier)
        self.evaluator = Evaluator(self.engine, self.notifier)
        self.names: dict[UUID, str] = {}
        self.removed: set[UUID] = set()
        self.attempts: list[UUID] = []
        self.started: set[UUID] = set()

    async def open(self) -> "ChangingExam":
        self.room = await make_exam_room(self.engine)
        self.exam_id = self.room.exam
        for _ in range(2):
            await self.enroll(0)
            await self.start(0)
        return self

    async def close(self) -> None:
        await self.commands.__aexit__(None, None, None)
        await self.notifier.close()
        await self.engine.dispose()

    async def apply(self, name: str, pick: int) -> None:
        """Make one change, unless it times out at a lock, as it may on a busy machine."""
        try:
            await getattr(self, name)(pick)
        except DBAPIError as error:
            if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
                raise

    async def edit(self, pick: int) -> None:
        async with self.engine.begin() as conn:
            await exams.change_exam(conn, self.exam_id, {"title": f"Physics {pick}", "duration_minutes": 1 + pick})
            await feed.append(conn, self.exam_id, [ExamRow(self.exam_id, f"Physics {pick}", 1 + pick)])

    async def enroll(self, pick: int) -> None:
        """Enroll a new student, or one who was removed from the roster."""
        back = sorted(self.removed)
        async with self.engine.begin() as conn:
            student = pick_from(back, pick) if back and pick % 2 else await make_user(conn, name=f"Ada {pick}")
            name = self.names.setdefault(student, f"Ada {pick}")
            if await rosters.enroll(conn, self.exam_id, [RosterLine(student)]):
                await feed.append(conn, self.exam_id, [StudentRow(student, name)])
        self.removed.discard(student)

    async def remove(self, pick: int) -> None:
        student = pick_from(list(self.names), pick)
        async with self.engine.begin() as conn:
            row = await rosters.remove_from_roster(conn, self.exam_id, student)
            if row is not None:
                await feed.append(conn, self.exam_id, [row])
        self.removed.add(student)

    async def start(self, pick: int) -> None:
        """Start the attempt of the next student, unless they are removed from the roster in the meantime."""
        del pick
        student = next((student for student in self.names if student not in self.removed | self.started), None)
        if student is None:
            return
        self.started.add(student)
        try:
            async with change(self.engine, None) as unit:
                opened = await start_attempt(unit.conn, self.exam_id, student, rulebook_version=1)
                unit.feed(self.exam_id, [] if opened.row is None else [opened.row])
        except NotFound:
            self.started.discard(student)
        else:
            self.attempts.append(opened.attempt_id)

    async def finish(self, pick: int) -> None:
        """End an attempt in one of three ways, or find it ended. Not at every call: some attempts must go on."""
        if pick % 3:
            return
        attempt = pick_from(self.attempts, pick // 3)
        action = pick_from([Action.SUBMIT, Action.TIME_OUT, Action.END], pick // 9)
        async with self.engine.begin() as conn:
            ended = await end_attempt(conn, attempt, ending(action), grading)
            if ended.row is not None:
                await feed.append(conn, self.exam_id, [ended.row])

    async def end(self, pick: int) -> None:
        """A teacher ends an attempt, or finds it ended."""
        if pick % 4 == 3:
            attempt = pick_from(self.attempts, 2 + pick // 4)
            await self.command(action="end", to=[attempt], reason=f"because {pick}")

    async def evaluate(self, pick: int) -> None:
        """A candidate leaves the page for long: a flag is raised, the score falls."""
        attempt = pick_from(self.attempts, pick)
        async with self.engine.begin() as conn:
            await store_events(conn, await make_stream(conn, attempt), AWAY)
        await self.evaluator.evaluate([attempt])

    async def connect(self, pick: int) -> None:
        """A client connected and left its old queue behind: the time is unobserved, and the score changes with it."""
        attempt = pick_from(self.attempts, pick)
        async with self.engine.begin() as conn:
            await conn.execute(select(ExamAttempt.id).where(ExamAttempt.id == attempt).with_for_update())
            until_s = -pick / 2 if pick % 3 else None
            stream = await make_stream(conn, attempt)
            await make_connection(conn, attempt, stream, opened_s=-pick, closed_s=until_s)
            left = system_events.ServerEvent("stream_abandoned", {"stream": str(stream)})
            await system_events.append_events(conn, attempt, [left])
        await self.evaluator.evaluate([attempt])

    async def review(self, pick: int) -> None:
        flags = (await self.fresh()).flags
        if flags:
            flag = pick_from(sorted(flags), pick)
            decision = pick_from([FlagStatus.CONFIRMED, FlagStatus.DISMISSED, FlagStatus.ESCALATED], pick // 3)
            await self.command(
                action="review", flag_id=flag, seen=flags[flag].status, decision=decision, reason="because"
            )

    async def review_at_random(self, pick: int) -> None:
        flags = (await self.fresh()).flags
        if flags:
            seen, decision = pick_from(list(FlagStatus), pick), pick_from(list(FlagStatus), pick // 5)
            flag = pick_from(sorted(flags), pick)
            await self.command(action="review", flag_id=flag, seen=seen, decision=decision, reason="because")

    async def message_all(self, pick: int) -> None:
        await self.command(action="message", text=f"all {pick}")

    async def message_one(self, pick: int) -> None:
        await self.command(action="message", to=[pick_from(self.attempts, pick)], text=f"one {pick} å")

    async def issue_expired(self, pick: int) -> None:
        """Issue an instruction that expires at once."""
        async with self.engine.begin() as conn:
            rows = await instructions.issue_instructions(
                conn,
                self.exam_id,
                [pick_from(self.attempts, pick)],
                action=pick_from(["pause", "resume"], pick),
                body={},
                actor_id=self.room.teacher.user_id,
                command_id=uuid4(),
                valid_s=0,
            )
            await feed.append(conn, self.exam_id, rows)

    async def store_result(self, pick: int) -> None:
        async with self.engine.begin() as conn:
            attempt, n = pick_from(self.attempts, pick), 1 + pick // 7 % 4
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


class WatchedExam(RuleBasedStateMachine):
    """Consoles that connect, leave and resume while an exam changes."""

    database: DatabaseSettings

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.consoles: list[FakeConsole] = []
        self.left: list[FakeConsole] = []

    @initialize(encoding=encodings)
    def open(self, encoding: Encoding) -> None:
        self.exam = self.run(ChangingExam(self.database).open())
        self.feeds = self.run(Feeds(self.exam.engine, poll_s=0.05).__aenter__())
        self.join(encoding)

    @rule(change=changes)
    def change(self, change: tuple[str, int]) -> None:
        self.run(self._change([change]))

    @rule(several=st.lists(changes, min_size=2, max_size=4))
    def change_at_once(self, several: list[tuple[str, int]]) -> None:
        self.run(self._change(several))

    @rule(encoding=encodings)
    def join(self, encoding: Encoding) -> None:
        console = FakeConsole(encoding)
        self.consoles.append(console)
        self.run(self._do(lambda: self.feeds.watch(self.exam.exam_id, console)))

    @precondition(lambda self: self.consoles)
    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        """Perhaps before the board was opened."""
        console = pick_from(self.consoles, pick)
        self.consoles.remove(console)
        self.left.append(console)
        self.run(self._do(lambda: self.feeds.unwatch(self.exam.exam_id, console)))

    @precondition(lambda self: self.left)
    @rule(pick=picks, ahead=st.sampled_from([0, 0, 0, 1, 50]), epoch=st.sampled_from([None, None, "another"]))
    def resume(self, pick: int, ahead: int, epoch: str | None) -> None:
        """Resume from the last offset or from an impossible one; without a board, watch from the beginning."""
        console = pick_from(self.left, pick)
        self.left.remove(console)
        self.consoles.append(console)
        if console.board is None:
            self.run(self._do(lambda: self.feeds.watch(self.exam.exam_id, console)))
            return
        offset = self.run(self.exam.fresh()).offset + ahead if ahead else console.board.offset
        since = Since(epoch or console.board.epoch, offset)
        self.run(self.feeds.resume(self.exam.exam_id, console, since))

    @rule()
    def notification(self) -> None:
        self.run(self._do(lambda: self.feeds.on_notification(Notification("feed", self.exam.exam_id))))

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    def teardown(self) -> None:
        if hasattr(self, "feeds"):
            self.run(self._settle())
            self.run(self.feeds.__aexit__(None, None, None))
            self.run(self.exam.close())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _change(self, several: Sequence[tuple[str, int]]) -> None:
        async with asyncio.TaskGroup() as changes:
            for name, pick in several:
                changes.create_task(self.exam.apply(name, pick))

    async def _do(self, act: Any) -> None:
        """Act, and let the feeds run for a moment, perhaps into the middle of a query."""
        act()
        await asyncio.sleep(0.002)

    async def _settle(self) -> None:
        fresh = await self.exam.fresh()
        for console in self.consoles:
            await console.reach(fresh)
            assert set(console.resyncs) <= {"hole"}, "only deleted rows may make a console lose its position"


def pick_from(things: Sequence[T], pick: int) -> T:
    return things[pick % len(things)]


def test_snapshot_and_deltas_are_a_fresh_snapshot(database: DatabaseSettings) -> None:
    def machine() -> WatchedExam:
        watched = WatchedExam()
        watched.database = database
        return watched

    run_state_machine_as_test(
        machine,  # type: ignore[arg-type] # a factory is allowed too
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


async def test_every_change_changes_the_board_and_a_console_that_only_polls_sees_each(
    database: DatabaseSettings,
) -> None:
    """Every change of the state machine once: each appends a feed row."""
    exam = await ChangingExam(database).open()
    console = FakeConsole()
    async with Feeds(exam.engine, poll_s=0.02) as feeds:
        feeds.watch(exam.exam_id, console)
        await console.reach(await exam.fresh())
        ends = ("finish", "end")
        others = [name for name in CHANGES if name not in ("trim", "review_at_random", *ends)]
        for name in ("evaluate", *others, *ends, "enroll"):
            before = await exam.fresh()
            await getattr(exam, name)(3)
            fresh = await exam.fresh()
            assert fresh.offset > before.offset, name
            await console.reach(fresh)
    shown = (await exam.fresh()).instructions.values()
    assert {InstructionState.EXPIRED, InstructionState.SENT} <= {row.state for row in shown}
    assert (console.opened, console.resyncs) == (1, [])
    await exam.close()


async def test_many_consoles_see_the_same_while_everything_changes_at_once(database: DatabaseSettings) -> None:
    """Sixty-four changes by eight tasks at once, while consoles of both encodings connect."""
    choices = random.Random(7)
    exam = await ChangingExam(database).open()
    consoles: list[FakeConsole] = []

    async def act() -> None:
        for _ in range(8):
            name = choices.choice([name for name in CHANGES if name != "trim"])
            await exam.apply(name, choices.randrange(100))

    async with Feeds(exam.engine, poll_s=0.05) as feeds:
        tasks = asyncio.gather(*(act() for _ in range(8)))
        while not tasks.done():
            consoles.append(FakeConsole(choices.choice(list(Encoding))))
            feeds.watch(exam.exam_id, consoles[-1])
            await asyncio.wait((tasks,), timeout=0.05)
        await tasks
        fresh = await exam.fresh()
        for console in consoles:
            await console.reach(fresh)
            assert console.resyncs == []
    await exam.close()
