import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import ExamAttempt, Instruction
from db.queries.console import instructions
from protocol.attempts import AttemptStatus, InstructionState
from protocol.console import InstructionRow
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_user


class Room:
    """One exam with running attempts."""

    def __init__(self, teacher: UUID, exam: UUID, attempts: list[UUID]) -> None:
        self.teacher = teacher
        self.exam = exam
        self.attempts = attempts

    async def ask(
        self,
        conn: AsyncConnection,
        text: str,
        to: list[UUID] | None = None,
        *,
        action: str = "message",
        valid_s: float | None = None,
    ) -> list[InstructionRow]:
        return await instructions.issue_instructions(
            conn,
            self.exam,
            to,
            action=action,
            body={"text": text},
            actor_id=self.teacher,
            command_id=uuid4(),
            valid_s=valid_s,
        )


async def make_room(conn: AsyncConnection, size: int = 2) -> Room:
    teacher = await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, teacher)
    return Room(teacher, exam, [await make_attempt(conn, exam, await make_user(conn)) for _ in range(size)])


@pytest.fixture
async def room(conn: AsyncConnection) -> Room:
    return await make_room(conn)


async def test_instructions_are_numbered_per_attempt(conn: AsyncConnection, room: Room) -> None:
    first, second = room.attempts
    assert [row.n for row in await room.ask(conn, "one", [first])] == [1]
    rows = await room.ask(conn, "two")
    assert [(row.attempt_id, row.n) for row in rows] == [(first, 2), (second, 1)]
    assert {row.text for row in rows} == {"two"}
    assert {row.state for row in rows} == {InstructionState.SENT}


async def test_only_running_attempts_of_the_exam_get_an_instruction(conn: AsyncConnection, room: Room) -> None:
    first, second = room.attempts
    foreign = (await make_room(conn, 1)).attempts[0]
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == first).values(status=AttemptStatus.SUBMITTED))
    rows = await room.ask(conn, "hello", [first, second, foreign, uuid4()])
    assert [row.attempt_id for row in rows] == [second]


async def test_an_instruction_is_pending_until_it_has_a_result(conn: AsyncConnection, room: Room) -> None:
    first, second = room.attempts
    await room.ask(conn, "one")
    await room.ask(conn, "two", [first])
    waiting = await instructions.list_pending(conn, [first, second, uuid4()])
    assert [(instruction.id, instruction.action, instruction.body) for instruction in waiting[first]] == [
        (1, "message", {"text": "one"}),
        (2, "message", {"text": "two"}),
    ]
    assert [instruction.id for instruction in waiting[second]] == [1]

    row = await instructions.record_result(conn, first, 1, ok=True, code=None)
    assert row is not None
    assert (row.n, row.state, row.code) == (1, InstructionState.DONE, None)
    assert [instruction.id for instruction in (await instructions.list_pending(conn, room.attempts))[first]] == [2]


async def test_an_expired_instruction_is_not_pending(conn: AsyncConnection, room: Room) -> None:
    await room.ask(conn, "quick")
    await conn.execute(update(Instruction).values(valid_until=func.now()))
    assert await instructions.list_pending(conn, room.attempts) == {}


async def test_of_pause_and_resume_only_the_last_is_pending(conn: AsyncConnection, room: Room) -> None:
    first, second = room.attempts
    for action in ("pause", "message", "resume", "pause"):
        await room.ask(conn, action, [first], action=action)
    await room.ask(conn, "pause", [second], action="pause")

    async def read_waiting() -> dict[UUID, list[tuple[int, str]]]:
        waiting = await instructions.list_pending(conn, room.attempts)
        return {
            attempt: [(instruction.id, instruction.action) for instruction in ones] for attempt, ones in waiting.items()
        }

    assert await read_waiting() == {first: [(2, "message"), (4, "pause")], second: [(1, "pause")]}
    await instructions.record_result(conn, first, 4, ok=True, code=None)
    assert await read_waiting() == {first: [(2, "message")], second: [(1, "pause")]}


async def test_an_instruction_whose_time_is_over_expires_once(conn: AsyncConnection, room: Room) -> None:
    first, second = room.attempts
    await room.ask(conn, "for ever")
    await room.ask(conn, "later", [first], valid_s=3600)
    await room.ask(conn, "quick", valid_s=0)
    expired = await instructions.expire_instructions(conn)
    assert await instructions.expire_instructions(conn) == {}
    assert expired.keys() == {room.exam}
    assert sorted((row.attempt_id, row.n, row.text, row.state) for row in expired[room.exam]) == [
        (first, 3, "quick", InstructionState.EXPIRED),
        (second, 2, "quick", InstructionState.EXPIRED),
    ]
    assert [instruction.id for instruction in (await instructions.list_pending(conn, [first]))[first]] == [1, 2]


async def test_a_late_result_counts(conn: AsyncConnection, room: Room) -> None:
    first = room.attempts[0]
    await room.ask(conn, "quick", [first], valid_s=0)
    await instructions.expire_instructions(conn)
    row = await instructions.record_result(conn, first, 1, ok=True, code=None)
    assert row is not None
    assert row.state is InstructionState.DONE
    assert await instructions.record_result(conn, first, 1, ok=False, code="late") is None


async def test_only_the_first_result_counts(conn: AsyncConnection, room: Room) -> None:
    first = room.attempts[0]
    await room.ask(conn, "one")
    failed = await instructions.record_result(conn, first, 1, ok=False, code="unsupported")
    assert failed is not None
    assert (failed.state, failed.code) == (InstructionState.FAILED, "unsupported")
    assert await instructions.record_result(conn, first, 1, ok=True, code=None) is None
    assert await instructions.record_result(conn, first, 2, ok=True, code=None) is None


async def test_the_code_of_a_client_is_cut_to_its_limit(conn: AsyncConnection, room: Room) -> None:
    await room.ask(conn, "one")
    row = await instructions.record_result(conn, room.attempts[0], 1, ok=False, code="\0" + "x" * 1000)
    assert row is not None
    assert row.code == "x" * instructions.CODE_CHARS


async def test_commands_at_the_same_time_never_share_a_number(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        room = await make_room(conn, 3)

    async def ask(text: str) -> list[InstructionRow]:
        async with engine.begin() as conn:
            return await room.ask(conn, text)

    results = await asyncio.gather(*(ask(str(index)) for index in range(8)))
    for attempt in room.attempts:
        assert sorted(row.n for rows in results for row in rows if row.attempt_id == attempt) == list(range(1, 9))


async def test_many_attempts_are_one_parameter(conn: AsyncConnection, room: Room) -> None:
    many = [uuid4() for _ in range(40_000)]
    assert len(await room.ask(conn, "hello", [*many, *room.attempts])) == 2
    assert len(await instructions.list_pending(conn, [*many, *room.attempts])) == 2
