import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import (
    AnalysisCursor,
    AuditLog,
    CommandRecord,
    Exam,
    ExamAttempt,
    ExamPolicy,
    FeedRow,
    Flag,
    FlagReview,
    Instruction,
)
from db.queries.console.board import WATCHING
from hub.auth.guards import Principal
from hub.commands.commands import REQUIRED, TEXT_CHARS, Commands
from hub.commands.reviews import DECISIONS
from judgement.policy import read_policy
from judgement.score.scoring import compute_integrity
from protocol.attempts import AttemptStatus, InstructionState
from protocol.codec import Encoding, decode_console
from protocol.codes import ErrorCode
from protocol.console import Command, Outcome, Result
from protocol.flags import CountedFlag, FlagStatus
from protocol.roles import Permission, Role
from tests.hub.consoles import NoNotifier
from tests.hub.exam_room import ExamRoom, make_exam_room, wait_for_lock

OPEN, CONFIRMED, DISMISSED, ESCALATED = (
    FlagStatus.OPEN,
    FlagStatus.CONFIRMED,
    FlagStatus.DISMISSED,
    FlagStatus.ESCALATED,
)


class FakeNotifier(NoNotifier):
    """Keeps the notifications."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, UUID]] = []

    async def notify(self, channel: str, key: UUID) -> None:
        self.sent.append((channel, key))


@asynccontextmanager
async def commands_of(engine: AsyncEngine) -> AsyncIterator[tuple[Commands, FakeNotifier]]:
    notifier = FakeNotifier()
    async with Commands(engine, notifier) as commands:
        yield commands, notifier


async def carry_out(room: ExamRoom, command: Command, principal: Principal | None = None) -> Result:
    async with commands_of(room.engine) as (commands, _):
        return await commands.carry_out(principal or room.teacher, command)


def message(room: ExamRoom, *, to: str | list[UUID] = "all", text: str | None = "hello") -> Command:
    return Command(id=uuid4(), exam_id=room.exam, action="message", to=to, text=text)


def review(room: ExamRoom, flag: UUID, decision: FlagStatus, seen: FlagStatus = OPEN) -> Command:
    return Command(
        id=uuid4(),
        exam_id=room.exam,
        action="review",
        flag_id=flag,
        decision=decision,
        seen=seen,
        reason="seen on the camera",
    )


async def count(engine: AsyncEngine, table: type) -> int:
    async with engine.connect() as conn:
        return (await conn.execute(select(func.count()).select_from(table))).scalar_one()


def fine(*attempts: UUID) -> list[Outcome]:
    return [Outcome(attempt_id=attempt, ok=True) for attempt in attempts]


async def test_a_message_goes_to_all_students_who_take_the_exam(engine: AsyncEngine, room: ExamRoom) -> None:
    ada, bob, gone = [await room.add_attempt(), await room.add_attempt(), await room.add_attempt()]
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).where(ExamAttempt.id == gone).values(status=AttemptStatus.SUBMITTED))
    command = message(room)
    async with commands_of(engine) as (commands, notifier):
        assert await commands.carry_out(room.teacher, command) == Result(command.id, fine(ada, bob))
    assert notifier.sent[0] == ("feed", room.exam)
    assert sorted(notifier.sent[1:]) == sorted([("instructions", ada), ("instructions", bob)])
    board = await room.fresh()
    assert {row.attempt_id: (row.text, row.state) for row in board.instructions.values()} == {
        ada: ("hello", InstructionState.SENT),
        bob: ("hello", InstructionState.SENT),
    }
    async with engine.connect() as conn:
        log = (await conn.execute(select(AuditLog).where(AuditLog.action == "message"))).one()
    assert (log.actor_id, log.resource, log.resource_id) == (room.teacher.user_id, "exam", str(room.exam))
    assert log.details == {"command": str(command.id), "attempts": "2"}


@pytest.mark.parametrize("action", list(REQUIRED))
@pytest.mark.parametrize("permitted", list(Permission))
async def test_a_command_requires_its_permission_and_names_it(
    room: ExamRoom, action: str, permitted: Permission
) -> None:
    colleague = await room.colleague(permitted)
    result = await carry_out(room, Command(id=uuid4(), exam_id=room.exam, action=action), colleague)
    if permitted is REQUIRED[action]:
        assert result.code == ErrorCode.BAD_COMMAND, "the permission was checked before"
    elif permitted in WATCHING:
        assert (result.code, REQUIRED[action] in (result.detail or "")) == (ErrorCode.FORBIDDEN, True)
    else:
        assert (result.code, "may not watch" in (result.detail or "")) == (ErrorCode.FORBIDDEN, True)


async def test_a_colleague_who_may_review_reviews(room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    colleague = await room.colleague(Permission.REVIEW)
    assert (await carry_out(room, review(room, flag, DISMISSED), colleague)).code is None
    assert (await room.fresh()).flags[flag].reviewed_by == colleague.name


async def test_a_command_to_a_room_is_refused_by_its_result(room: ExamRoom) -> None:
    head = f'"t":"command","id":"{uuid4()}","exam_id":"{room.exam}"'
    command = decode_console(f'{{{head},"action":"message","to":{{"room":"A 1"}},"text":"x"}}', Encoding.JSON)
    assert isinstance(command, Command)
    assert (await carry_out(room, command)).code == ErrorCode.BAD_COMMAND


async def test_a_message_to_named_attempts_reports_who_could_not_be_reached(room: ExamRoom) -> None:
    ada, bob = await room.add_attempt(), await room.add_attempt()
    unknown = uuid4()
    result = await carry_out(room, message(room, to=[bob, unknown, bob]))
    assert [(outcome.attempt_id, outcome.ok, outcome.code) for outcome in result.outcomes] == [
        (bob, True, None),
        (unknown, False, ErrorCode.NOT_FOUND),
    ]
    assert ada not in (await room.fresh()).instructions


async def test_a_repeated_message_is_not_sent_again(engine: AsyncEngine, room: ExamRoom) -> None:
    ada = await room.add_attempt()
    command = message(room, to=[ada, room.exam])
    first = await carry_out(room, command)
    rows, logs = await count(engine, FeedRow), await count(engine, AuditLog)
    await room.add_attempt()
    async with commands_of(engine) as (commands, notifier):
        assert await commands.carry_out(room.teacher, command) == first
    assert notifier.sent == []
    assert await count(engine, Instruction) == 1
    assert await count(engine, AuditLog) == logs
    assert await count(engine, FeedRow) == rows + 2  # the new student's


async def test_a_repeated_message_to_all_does_not_reach_a_new_student(engine: AsyncEngine, room: ExamRoom) -> None:
    ada = await room.add_attempt()
    command = message(room)
    await carry_out(room, command)
    await room.add_attempt()
    assert (await carry_out(room, command)).outcomes == fine(ada)
    assert await count(engine, Instruction) == 1


async def test_the_same_message_many_times_at_once_is_one(engine: AsyncEngine, room: ExamRoom) -> None:
    attempts = [await room.add_attempt() for _ in range(3)]
    command = message(room)
    async with commands_of(engine) as (commands, _):
        results = await asyncio.gather(*(commands.carry_out(room.teacher, command) for _ in range(5)))
    assert {tuple(outcome.attempt_id for outcome in result.outcomes) for result in results} == {tuple(attempts)}
    assert await count(engine, Instruction) == 3
    assert await count(engine, AuditLog) == 1


async def test_a_message_while_no_student_takes_the_exam_reaches_none(engine: AsyncEngine, room: ExamRoom) -> None:
    command = message(room)
    assert await carry_out(room, command) == Result(command.id, [])
    assert await count(engine, AuditLog) == 0
    await room.add_attempt()
    assert await carry_out(room, command) == Result(command.id, []), "a repeated command has the same result"
    assert await count(engine, Instruction) == 0


async def test_every_command_is_recorded_with_its_result(engine: AsyncEngine, room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    for command in (
        message(room),
        message(room, to=[uuid4()]),
        review(room, flag, CONFIRMED),
        review(room, flag, OPEN),
    ):
        result = await carry_out(room, command)
        async with engine.connect() as conn:
            record = (await conn.execute(select(CommandRecord).where(CommandRecord.id == command.id))).one()
        assert (record.exam_id, record.actor_id, record.action) == (room.exam, room.teacher.user_id, command.action)
        assert msgspec.convert(record.result["result"], Result) == result


async def test_a_refused_command_stores_nothing_and_may_be_sent_again(engine: AsyncEngine, room: ExamRoom) -> None:
    stranger = await room.principal(Role.TEACHER)
    command = message(room)
    assert (await carry_out(room, command, stranger)).code == ErrorCode.FORBIDDEN
    assert (await carry_out(room, message(room, text=""))).code == ErrorCode.BAD_COMMAND
    assert await count(engine, CommandRecord) == 0
    assert await carry_out(room, command) == Result(command.id, [])


async def test_an_id_belongs_to_one_command_of_one_user(engine: AsyncEngine, room: ExamRoom) -> None:
    ada = await room.add_attempt()
    flag = await room.flag(ada)
    admin, other = await room.principal(Role.ADMIN), await make_exam_room(engine)
    command = message(room)
    await carry_out(room, command)
    reused = [
        (admin, command),
        (admin, msgspec.structs.replace(message(other), id=command.id)),
        (room.teacher, msgspec.structs.replace(review(room, flag, CONFIRMED), id=command.id)),
        (room.teacher, msgspec.structs.replace(command, text="something else")),
        (room.teacher, msgspec.structs.replace(command, to=[ada])),
    ]
    for principal, again in reused:
        result = await carry_out(room, again, principal)
        assert (result.code, result.outcomes) == (ErrorCode.BAD_COMMAND, [])
    assert (await room.fresh()).flags[flag].status is OPEN
    assert await count(engine, Instruction) == await count(engine, CommandRecord) == 1


async def test_a_lost_review_stays_lost_when_the_flag_has_its_old_status_again(room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    await carry_out(room, review(room, flag, CONFIRMED))
    late = review(room, flag, CONFIRMED, DISMISSED)
    lost = await carry_out(room, late)
    assert [(outcome.code, outcome.by) for outcome in lost.outcomes] == [(ErrorCode.CONFLICT, "Tess Teacher")]
    await carry_out(room, review(room, flag, DISMISSED, CONFIRMED))
    assert await carry_out(room, late) == lost
    assert (await room.fresh()).flags[flag].status is DISMISSED


@pytest.mark.parametrize("wrong", [None, "", "  \n", "x" * (TEXT_CHARS + 1), "a\0b"])
async def test_an_invalid_text_is_refused(room: ExamRoom, wrong: str | None) -> None:
    await room.add_attempt()
    result = await carry_out(room, message(room, text=wrong))
    assert (result.code, result.outcomes) == (ErrorCode.BAD_COMMAND, [])


async def test_the_longest_text_is_accepted(room: ExamRoom) -> None:
    ada = await room.add_attempt()
    assert (await carry_out(room, message(room, text="å" * TEXT_CHARS))).outcomes == fine(ada)


async def test_a_recipient_other_than_all_is_refused(room: ExamRoom) -> None:
    assert (await carry_out(room, message(room, to="B 12"))).code == ErrorCode.BAD_COMMAND


async def test_an_unknown_action_is_refused(room: ExamRoom) -> None:
    command = Command(id=uuid4(), exam_id=room.exam, action="expel")
    result = await carry_out(room, command)
    assert (result.id, result.code) == (command.id, ErrorCode.BAD_COMMAND)


@pytest.mark.parametrize("missing", ["flag_id", "decision", "seen", "reason"])
async def test_a_review_with_something_missing_is_refused(engine: AsyncEngine, room: ExamRoom, missing: str) -> None:
    flag = await room.flag(await room.add_attempt())
    result = await carry_out(room, msgspec.structs.replace(review(room, flag, CONFIRMED), **{missing: None}))
    assert (result.code, result.outcomes) == (ErrorCode.BAD_COMMAND, [])
    assert await count(engine, FlagReview) == 0


async def test_a_user_who_may_not_watch_may_not_send_commands(engine: AsyncEngine, room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    stranger = await room.principal(Role.TEACHER)
    for command in (message(room), review(room, flag, CONFIRMED)):
        result = await carry_out(room, command, stranger)
        assert (result.code, result.outcomes) == (ErrorCode.FORBIDDEN, [])
    assert await count(engine, Instruction) == await count(engine, FlagReview) == 0


async def test_access_is_checked_with_every_command(engine: AsyncEngine, room: ExamRoom) -> None:
    await room.add_attempt()
    assert (await carry_out(room, message(room))).code is None
    async with engine.begin() as conn:
        other = await room.principal(Role.TEACHER)
        await conn.execute(update(Exam).values(creator_id=other.user_id))
    assert (await carry_out(room, message(room))).code == ErrorCode.FORBIDDEN


async def test_a_review_changes_flag_score_and_feed_together(engine: AsyncEngine, room: ExamRoom) -> None:
    attempt = await room.add_attempt()
    await room.connect(attempt)
    flag, kept = await room.flag(attempt, confidence=0.9), await room.flag(attempt, confidence=0.5)
    head = (await room.fresh()).offset
    command = review(room, flag, DISMISSED)
    async with commands_of(engine) as (commands, notifier):
        assert await commands.carry_out(room.teacher, command) == Result(command.id, fine(attempt))
    assert notifier.sent == [("feed", room.exam)]

    board = await room.fresh()
    row = board.flags[flag]
    assert (row.status, row.reviewed_by, row.reason) == (DISMISSED, "Tess Teacher", "seen on the camera")
    expected = compute_integrity([CountedFlag("left_page", 0.5)], read_policy({}), coverage=1.0)
    assert board.scores[attempt].integrity == expected
    assert board.flags[kept].status is OPEN
    assert board.offset == head + 2
    async with engine.connect() as conn:
        log = (await conn.execute(select(AuditLog))).one()
    assert (log.actor_id, log.action, log.resource_id) == (room.teacher.user_id, "review", str(flag))
    assert "reason" not in log.details, "it is kept with the review, which can be deleted"


async def test_simultaneous_reviews_store_one_decision_and_name_its_reviewer(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    attempt = await room.add_attempt()
    flag = await room.flag(attempt)
    admin = await room.principal(Role.ADMIN, "Ada Admin")
    async with commands_of(engine) as (commands, _):
        results = await asyncio.gather(
            commands.carry_out(room.teacher, review(room, flag, CONFIRMED)),
            commands.carry_out(admin, review(room, flag, DISMISSED)),
        )
    (won,) = [outcome for result in results for outcome in result.outcomes if outcome.ok]
    (lost,) = [outcome for result in results for outcome in result.outcomes if not outcome.ok]
    row = (await room.fresh()).flags[flag]
    assert won == Outcome(attempt_id=attempt, ok=True)
    assert (lost.code, lost.by) == (ErrorCode.CONFLICT, row.reviewed_by)
    assert lost.at is not None
    assert lost.at >= row.raised_at
    assert await count(engine, FlagReview) == 1


async def test_a_repeated_review_gives_the_same_result(engine: AsyncEngine, room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    command = review(room, flag, CONFIRMED)
    first = await carry_out(room, command)
    head = (await room.fresh()).offset
    assert await carry_out(room, command) == first
    assert (await room.fresh()).offset == head
    assert await count(engine, FlagReview) == await count(engine, AuditLog) == 1


async def test_the_same_review_many_times_at_once_is_one(engine: AsyncEngine, room: ExamRoom) -> None:
    attempt = await room.add_attempt()
    command = review(room, await room.flag(attempt), CONFIRMED)
    async with commands_of(engine) as (commands, _):
        results = await asyncio.gather(*(commands.carry_out(room.teacher, command) for _ in range(5)))
    assert [result.outcomes for result in results] == [fine(attempt)] * 5
    assert await count(engine, FlagReview) == 1


async def test_a_used_id_does_not_decide_about_another_flag(room: ExamRoom) -> None:
    attempt = await room.add_attempt()
    first_flag, second_flag = await room.flag(attempt), await room.flag(attempt)
    first = review(room, first_flag, CONFIRMED)
    await carry_out(room, first)
    reused = msgspec.structs.replace(review(room, second_flag, CONFIRMED), id=first.id)
    assert (await carry_out(room, reused)).code == ErrorCode.BAD_COMMAND
    assert (await room.fresh()).flags[second_flag].status is OPEN


async def test_a_flag_of_another_exam_is_not_found(engine: AsyncEngine, room: ExamRoom) -> None:
    assert (await carry_out(room, review(room, uuid4(), CONFIRMED))).code == ErrorCode.NOT_FOUND
    admin = await room.principal(Role.ADMIN)
    flag = await room.flag(await room.add_attempt())
    async with engine.begin() as conn:
        other = uuid4()
        await conn.execute(insert(Exam).values(id=other, creator_id=admin.user_id, title="Latin", duration_minutes=1))
    elsewhere = msgspec.structs.replace(review(room, flag, CONFIRMED), exam_id=other)
    assert (await carry_out(room, elsewhere, admin)).code == ErrorCode.NOT_FOUND


@pytest.mark.parametrize("status", FlagStatus)
async def test_only_the_decisions_of_the_table_are_possible(
    engine: AsyncEngine, room: ExamRoom, status: FlagStatus
) -> None:
    attempt = await room.add_attempt()
    flags = {decision: await room.flag(attempt) for decision in FlagStatus}
    async with engine.begin() as conn:
        await conn.execute(update(Flag).values(status=status))
    for decision, flag in flags.items():
        (outcome,) = (await carry_out(room, review(room, flag, decision, status))).outcomes
        allowed = decision in DECISIONS[status]
        assert outcome.ok is allowed
        assert outcome.code == (None if allowed else ErrorCode.BAD_COMMAND)
        assert (await room.fresh()).flags[flag].status is (decision if allowed else status)


async def test_another_reviewer_decides_about_an_escalation(room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    await carry_out(room, review(room, flag, ESCALATED))
    (own,) = (await carry_out(room, review(room, flag, CONFIRMED, ESCALATED))).outcomes
    assert (own.ok, own.code) == (False, ErrorCode.FORBIDDEN)
    admin = await room.principal(Role.ADMIN, "Ada Admin")
    (other,) = (await carry_out(room, review(room, flag, CONFIRMED, ESCALATED), admin)).outcomes
    assert other.ok
    assert (await room.fresh()).flags[flag].reviewed_by == "Ada Admin"


async def test_the_opposite_decision_undoes_a_decision(room: ExamRoom) -> None:
    attempt = await room.add_attempt()
    await room.connect(attempt)
    flag = await room.flag(attempt)
    await carry_out(room, review(room, flag, DISMISSED))
    assert (await room.fresh()).scores[attempt].integrity == 1.0
    await carry_out(room, review(room, flag, CONFIRMED, DISMISSED))
    score = (await room.fresh()).scores[attempt].integrity
    assert score is not None
    assert score < 1.0


async def test_a_command_waits_for_an_evaluation_and_is_tried_again(engine: AsyncEngine, room: ExamRoom) -> None:
    attempt = await room.add_attempt()
    flag = await room.flag(attempt)
    async with commands_of(engine) as (commands, _):
        async with engine.begin() as evaluation:
            await evaluation.execute(select(AnalysisCursor.attempt_id).with_for_update(key_share=True))
            task = asyncio.create_task(commands.carry_out(room.teacher, review(room, flag, CONFIRMED)))
            await asyncio.sleep(1.2)  # longer than the lock timeout
        assert (await task).outcomes == fine(attempt)


async def test_a_command_that_cannot_get_its_locks_is_busy(guarded_engine: AsyncEngine, room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    async with guarded_engine.begin() as evaluation:
        await evaluation.execute(select(AnalysisCursor.attempt_id).with_for_update(key_share=True))
        async with Commands(guarded_engine, NoNotifier(), tries=1) as commands:
            result = await commands.carry_out(room.teacher, review(room, flag, CONFIRMED))
    assert (result.code, result.outcomes) == (ErrorCode.BUSY, [])


async def test_a_review_under_a_rulebook_that_this_hub_lacks_is_busy(engine: AsyncEngine, room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(rulebook_version=99))
        await conn.execute(update(ExamPolicy).values(settings=ExamPolicy.settings.op("||")({"rulebook": 99})))
    result = await carry_out(room, review(room, flag, CONFIRMED))
    assert (result.code, result.outcomes) == (ErrorCode.BUSY, [])
    assert await count(engine, FlagReview) == 0


async def test_a_command_that_has_begun_is_finished_without_its_console(engine: AsyncEngine, room: ExamRoom) -> None:
    ada = await room.add_attempt()
    async with commands_of(engine) as (commands, _), engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE instructions IN ACCESS EXCLUSIVE MODE"))
        task = asyncio.create_task(commands.carry_out(room.teacher, message(room)))
        await wait_for_lock(blocker)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list((await room.fresh()).instructions) == [ada]


async def test_an_unexpected_error_is_raised_and_nothing_is_stored(engine: AsyncEngine, room: ExamRoom) -> None:
    flag = await room.flag(await room.add_attempt())
    async with engine.begin() as conn:
        await conn.execute(update(ExamPolicy).values(settings={"rules": {"no_such_rule": {}}}))
    with pytest.raises(Exception, match="no_such_rule"):
        await carry_out(room, review(room, flag, CONFIRMED))
    assert (await room.fresh()).flags[flag].status is OPEN
    assert await count(engine, FlagReview) == 0
