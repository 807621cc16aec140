"""A teacher ends attempts for a reason: what is stored, who is notified, and what cannot be ended."""

from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, FeedRow
from db.queries.console import instructions
from hub.commands.commands import TEXT_CHARS
from protocol.attempts import AttemptStatus, InstructionState
from protocol.codes import ErrorCode
from protocol.console import Command, Result
from protocol.roles import Permission
from tests.candidates import system_events
from tests.hub.commands.test_commands import carry_out, commands_of, count, fine
from tests.hub.exam_room import ExamRoom, make_exam_room


def end(room: ExamRoom, *attempts: UUID, reason: str | None = "left the room") -> Command:
    return Command(id=uuid4(), exam_id=room.exam, action="end", to=list(attempts), reason=reason)


async def test_a_teacher_ends_attempts_with_a_reason_that_is_stored_and_sent(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    ada, bob = await room.add_attempt(), await room.add_attempt()
    invigilator = await room.colleague(Permission.INVIGILATE)
    command = end(room, bob, ada)
    async with commands_of(engine) as (commands, notifier):
        assert await commands.carry_out(invigilator, command) == Result(command.id, fine(bob, ada))
    assert notifier.sent[0] == ("feed", room.exam)
    assert sorted(notifier.sent[1:]) == sorted(
        (kind, attempt) for kind in ("instructions", "attempt") for attempt in (ada, bob)
    )
    board = await room.fresh()
    for attempt in (ada, bob):
        row = board.attempts[attempt]
        assert row.status is AttemptStatus.ENDED
        assert row.completed_at is not None
        assert (board.instructions[attempt].action, board.instructions[attempt].state) == ("end", InstructionState.SENT)
    async with engine.connect() as conn:
        logs = (await conn.execute(select(AuditLog).where(AuditLog.action == "end"))).all()
        events = await system_events(conn, ada)
        pending = (await instructions.list_pending(conn, [ada]))[ada]
    assert {(log.actor_id, log.resource, log.resource_id) for log in logs} == {
        (invigilator.user_id, "attempt", str(attempt)) for attempt in (ada, bob)
    }
    assert logs[0].details == {"command": str(command.id)}
    assert ("ended", {"reason": "left the room", "by": str(invigilator.user_id)}) in events
    assert [(instruction.action, instruction.body) for instruction in pending] == [("end", {"reason": "left the room"})]


async def test_attempts_that_cannot_be_ended_are_reported_and_the_others_end(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    ada, bob = await room.add_attempt(), await room.add_attempt()
    other = await make_exam_room(engine)
    foreign, unknown = await other.add_attempt(), uuid4()
    await carry_out(room, end(room, ada))
    feed_rows = await count(engine, FeedRow)
    result = await carry_out(room, end(room, unknown, ada, foreign, bob))
    assert [(outcome.attempt_id, outcome.ok, outcome.code) for outcome in result.outcomes] == [
        (unknown, False, ErrorCode.NOT_FOUND),
        (ada, False, ErrorCode.CONFLICT),
        (foreign, False, ErrorCode.NOT_FOUND),
        (bob, True, None),
    ]
    assert result.outcomes[1].at == (await room.fresh()).attempts[ada].completed_at
    assert (await other.fresh()).attempts[foreign].status is AttemptStatus.IN_PROGRESS
    assert await count(engine, FeedRow) == feed_rows + 2, "its attempt and its instruction"


async def test_a_repeated_end_gives_the_same_result(engine: AsyncEngine, room: ExamRoom) -> None:
    command = end(room, await room.add_attempt())
    first = await carry_out(room, command)
    rows, logs = await count(engine, FeedRow), await count(engine, AuditLog)
    assert await carry_out(room, command) == first
    assert (await count(engine, FeedRow), await count(engine, AuditLog)) == (rows, logs)


@pytest.mark.parametrize("reason", [None, "", "  ", "x" * (TEXT_CHARS + 1), "a\0b"])
async def test_an_attempt_is_not_ended_without_a_reason(room: ExamRoom, reason: str | None) -> None:
    ada = await room.add_attempt()
    assert (await carry_out(room, end(room, ada, reason=reason))).code == ErrorCode.BAD_COMMAND
    assert (await room.fresh()).attempts[ada].status is AttemptStatus.IN_PROGRESS


async def test_attempts_must_be_named_to_be_ended(room: ExamRoom) -> None:
    ada = await room.add_attempt()
    command = msgspec.structs.replace(end(room, reason="enough"), to="all")
    assert (await carry_out(room, command)).code == ErrorCode.BAD_COMMAND
    assert (await room.fresh()).attempts[ada].status is AttemptStatus.IN_PROGRESS
