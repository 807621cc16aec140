from contextlib import aclosing
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notification, Notifier
from db.queries.console import board, instructions
from protocol.attempts import InstructionState
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_user
from workers.jobs.instruction_expiry import expire_instructions


async def test_expired_instructions_are_marked_and_their_exam_is_notified(
    engine: AsyncEngine, notifier: Notifier
) -> None:
    async with engine.begin() as conn:
        teacher = await make_user(conn, role=Role.TEACHER)
        exam = await make_exam(conn, teacher)
        attempt = await make_attempt(conn, exam, await make_user(conn))
        await instructions.issue_instructions(
            conn, exam, None, action="message", body={"text": "now"}, actor_id=teacher, command_id=uuid4(), valid_s=0
        )
    async with aclosing(notifier.listen()) as received:
        assert await anext(received) == Notification("reconnected")
        await expire_instructions(engine, notifier)
        await expire_instructions(engine, notifier)
        assert await anext(received) == Notification("feed", exam)
    async with engine.connect() as conn:
        (row,) = (await board.read_board(conn, exam)).instructions
    assert (row.attempt_id, row.state) == (attempt, InstructionState.EXPIRED)
