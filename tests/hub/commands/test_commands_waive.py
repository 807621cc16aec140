"""An invigilator waives the connection of attempts: what is stored and shown, and what cannot be waived."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, Exam
from protocol.attempts import AttemptStatus
from protocol.codes import ErrorCode
from protocol.console import Command, Result
from protocol.roles import Permission
from tests.candidates import system_events
from tests.hub.commands.test_commands import carry_out, commands_of, fine
from tests.hub.exam_room import ExamRoom, make_exam_room


def waive(room: ExamRoom, *attempts: UUID, reason: str | None = "the network blocks sockets") -> Command:
    return Command(id=uuid4(), exam_id=room.exam, action="waive", to=list(attempts), reason=reason)


async def test_a_waiver_is_stored_with_its_reason_and_shown_on_the_board(engine: AsyncEngine, room: ExamRoom) -> None:
    ada, bob = await room.add_attempt(), await room.add_attempt()
    invigilator = await room.colleague(Permission.INVIGILATE)
    command = waive(room, ada)
    async with commands_of(engine) as (commands, notifier):
        assert await commands.carry_out(invigilator, command) == Result(command.id, fine(ada))
    assert notifier.sent == [("feed", room.exam)]
    board = await room.fresh()
    assert (board.attempts[ada].waived, board.attempts[bob].waived) == (True, False)
    assert board.attempts[ada].status is AttemptStatus.IN_PROGRESS
    async with engine.connect() as conn:
        (log,) = (await conn.execute(select(AuditLog).where(AuditLog.action == "waive"))).all()
        events = await system_events(conn, ada)
    assert (log.actor_id, log.resource_id) == (invigilator.user_id, str(ada))
    assert events[-1] == ("stream_waived", {"reason": command.reason, "by": str(invigilator.user_id)})


async def test_a_second_waiver_changes_nothing(engine: AsyncEngine, room: ExamRoom) -> None:
    ada = await room.add_attempt()
    for _ in range(2):
        command = waive(room, ada)
        assert await carry_out(room, command) == Result(command.id, fine(ada))
    async with engine.connect() as conn:
        assert [kind for kind, _ in await system_events(conn, ada)].count("stream_waived") == 1


async def test_attempts_that_cannot_be_waived_are_reported(engine: AsyncEngine, room: ExamRoom) -> None:
    ended = await room.add_attempt()
    end = Command(id=uuid4(), exam_id=room.exam, action="end", to=[ended], reason="x")
    assert (await carry_out(room, end)).outcomes[0].ok
    other = await make_exam_room(engine)
    foreign = await other.add_attempt()
    running = await room.add_attempt()
    result = await carry_out(room, waive(room, ended, foreign, running))
    assert [outcome.code for outcome in result.outcomes] == [ErrorCode.CONFLICT, ErrorCode.NOT_FOUND, None]


async def test_an_exam_without_monitoring_needs_no_waiver(engine: AsyncEngine, room: ExamRoom) -> None:
    ada = await room.add_attempt()
    async with engine.begin() as conn:
        await conn.execute(update(Exam).where(Exam.id == room.exam).values(enable_monitoring=False))
    (outcome,) = (await carry_out(room, waive(room, ada))).outcomes
    assert outcome.code == ErrorCode.CONFLICT


@pytest.mark.parametrize("wrong", [{"reason": None}, {"reason": " "}, {"to": "all"}])
async def test_a_waiver_needs_names_and_a_reason(room: ExamRoom, wrong: dict[str, object]) -> None:
    fields = {"to": [await room.add_attempt()], "reason": "blocked", **wrong}
    command = Command(id=uuid4(), exam_id=room.exam, action="waive", **fields)  # type: ignore[arg-type]
    assert (await carry_out(room, command)).code == ErrorCode.BAD_COMMAND
