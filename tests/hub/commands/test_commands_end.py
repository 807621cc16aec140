"""A person ends attempts, with a reason: what is kept of it, who is told, and what cannot be ended."""

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
from tests.hub.exam_room import Room, make_room


def end(room: Room, *attempts: UUID, reason: str | None = "left with the paper") -> Command:
    return Command(id=uuid4(), exam_id=room.exam, action="end", to=list(attempts), reason=reason)


async def test_a_person_ends_attempts_with_a_reason_that_is_kept_and_told(engine: AsyncEngine, room: Room) -> None:
    ada, bob = await room.sit(), await room.sit()
    invigilator = await room.colleague(Permission.INVIGILATE)
    command = end(room, bob, ada)
    async with commands_of(engine) as (commands, announced):
        assert await commands.carry_out(invigilator, command) == Result(command.id, fine(bob, ada))
    assert announced.notifier[0] == ("feed", room.exam)
    assert sorted(announced.notifier[1:]) == sorted(
        (kind, one) for kind in ("instructions", "attempt") for one in (ada, bob)
    )
    board = await room.fresh()
    for attempt in (ada, bob):
        row = board.attempts[attempt]
        assert row.status is AttemptStatus.ENDED
        assert row.completed_at is not None
        assert (board.instructions[attempt].action, board.instructions[attempt].state) == ("end", InstructionState.SENT)
    async with engine.connect() as conn:
        logs = (await conn.execute(select(AuditLog).where(AuditLog.action == "end"))).all()
        stated = await system_events(conn, ada)
        asked = (await instructions.list_pending(conn, [ada]))[ada]
    assert {(log.actor_id, log.resource, log.resource_id) for log in logs} == {
        (invigilator.user_id, "attempt", str(one)) for one in (ada, bob)
    }
    assert logs[0].details == {"command": str(command.id), "reason": "left with the paper"}
    assert ("ended", {"reason": "left with the paper", "by": str(invigilator.user_id)}) in stated
    assert [(one.action, one.body) for one in asked] == [("end", {"reason": "left with the paper"})]


async def test_what_cannot_be_ended_is_said_of_each_and_the_others_end(engine: AsyncEngine, room: Room) -> None:
    ada, bob = await room.sit(), await room.sit()
    other = await make_room(engine)
    foreign, nobody = await other.sit(), uuid4()
    await carry_out(room, end(room, ada))
    feed_rows = await count(engine, FeedRow)
    result = await carry_out(room, end(room, nobody, ada, foreign, bob))
    assert [(one.attempt_id, one.ok, one.code) for one in result.outcomes] == [
        (nobody, False, ErrorCode.NOT_FOUND),
        (ada, False, ErrorCode.CONFLICT),
        (foreign, False, ErrorCode.NOT_FOUND),
        (bob, True, None),
    ]
    assert result.outcomes[1].at == (await room.fresh()).attempts[ada].completed_at
    assert (await other.fresh()).attempts[foreign].status is AttemptStatus.IN_PROGRESS
    assert await count(engine, FeedRow) == feed_rows + 2, "its attempt and its instruction"


async def test_a_repeated_end_gives_the_same_result(engine: AsyncEngine, room: Room) -> None:
    command = end(room, await room.sit())
    first = await carry_out(room, command)
    rows, logs = await count(engine, FeedRow), await count(engine, AuditLog)
    assert await carry_out(room, command) == first
    assert (await count(engine, FeedRow), await count(engine, AuditLog)) == (rows, logs)


@pytest.mark.parametrize("reason", [None, "", "  ", "x" * (TEXT_CHARS + 1), "a\0b"])
async def test_nobody_ends_an_attempt_without_a_reason(room: Room, reason: str | None) -> None:
    ada = await room.sit()
    assert (await carry_out(room, end(room, ada, reason=reason))).code == ErrorCode.BAD_COMMAND
    assert (await room.fresh()).attempts[ada].status is AttemptStatus.IN_PROGRESS


async def test_all_attempts_are_never_ended_in_one_word(room: Room) -> None:
    ada = await room.sit()
    command = msgspec.structs.replace(end(room, reason="enough"), to="all")
    assert (await carry_out(room, command)).code == ErrorCode.BAD_COMMAND
    assert (await room.fresh()).attempts[ada].status is AttemptStatus.IN_PROGRESS
