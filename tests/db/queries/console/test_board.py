from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms
from db.errors import NotFound
from db.models import ExamAttempt, ExamEnrollment, TeacherExamPermission, User
from db.queries.console import board, instructions
from db.queries.events.database_epoch import read_epoch
from db.queries.review import decisions
from protocol.attempts import AttemptStatus, InstructionState
from protocol.console import InstructionRow, ScoreRow, StudentRow
from protocol.flags import FlagStatus
from protocol.roles import Permission, Role
from tests.factories import make_attempt, make_exam, make_flag, make_user


async def test_a_board_holds_all_that_is_shown_of_one_exam(conn: AsyncConnection) -> None:
    teacher = await make_user(conn, role=Role.TEACHER, name="Tess Teacher")
    exam = await make_exam(conn, teacher, duration_minutes=45)
    ada, bob = await make_user(conn, name="Ada"), await make_user(conn, name="Bob")
    first, second = await make_attempt(conn, exam, ada), await make_attempt(conn, exam, bob)
    flag = await make_flag(conn, second)
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == first).values(integrity_score=0.75))
    await send_message(conn, exam, teacher, "hello", [first])
    await make_attempt(conn, await make_exam(conn, teacher), ada)

    found = await board.read_board(conn, exam)

    assert (found.exam.title, found.exam.duration_minutes) == ("Physics", 45)
    assert (found.part, found.parts, found.offset) == (1, 1, 2)
    assert found.epoch == await read_epoch(conn)
    assert sorted(found.students, key=lambda row: row.name) == [StudentRow(ada, "Ada"), StudentRow(bob, "Bob")]
    assert [(row.ix, row.attempt_id, row.student_id) for row in found.attempts] == [(1, first, ada), (2, second, bob)]
    assert {row.status for row in found.attempts} == {AttemptStatus.IN_PROGRESS}
    assert found.scores == [ScoreRow(first, 0.75)]
    assert [row.flag_id for row in found.flags] == [flag]
    assert [(row.attempt_id, row.n, row.text) for row in found.instructions] == [(first, 1, "hello")]


async def test_a_removed_student_is_shown_as_removed(conn: AsyncConnection) -> None:
    exam = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    ada = await make_user(conn, name="Ada")
    await make_attempt(conn, exam, ada)
    await conn.execute(update(ExamEnrollment).values(removed_at=func.now()))
    assert (await board.read_board(conn, exam)).students == [StudentRow(ada, "Ada", on_roster=False)]


async def test_an_exam_that_is_not_there_has_no_board(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await board.read_board(conn, uuid4())


async def test_a_flag_shows_the_last_decision_about_it(conn: AsyncConnection) -> None:
    exam, attempt = await exam_and_attempt(conn)
    flag = await make_flag(conn, attempt)
    assert (await board.read_flag_row(conn, flag)).reviewed_by is None

    for name, seen, decision in (
        ("Tess", FlagStatus.OPEN, FlagStatus.ESCALATED),
        ("Uma", FlagStatus.ESCALATED, FlagStatus.CONFIRMED),
    ):
        await decisions.store_decision(
            conn,
            flag_id=flag,
            seen=seen,
            decision=decision,
            reviewer_id=await make_user(conn, role=Role.TEACHER, name=name),
            command_id=uuid4(),
            reason=f"says {name}",
        )

    row = await board.read_flag_row(conn, flag)
    assert (row.status, row.reviewed_by, row.reason) == (FlagStatus.CONFIRMED, "Uma", "says Uma")
    assert (await board.read_board(conn, exam)).flags == [row]


async def test_a_flag_that_is_not_there_cannot_be_read(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await board.read_flag_row(conn, uuid4())


async def test_a_board_shows_the_newest_instruction_of_each_attempt(conn: AsyncConnection) -> None:
    teacher = await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, teacher)
    attempt = await make_attempt(conn, exam, await make_user(conn))
    await send_message(conn, exam, teacher, "first", None)
    await send_message(conn, exam, teacher, "second", None)
    await instructions.record_result(conn, attempt, 1, ok=True, code=None)

    newest = InstructionRow(attempt_id=attempt, n=2, action="message", text="second", state=InstructionState.SENT)
    assert (await board.read_board(conn, exam)).instructions == [newest]


async def test_an_exam_is_watched_by_its_creator_administrators_and_permitted_teachers(
    conn: AsyncConnection,
) -> None:
    creator = await make_user(conn, role=Role.TEACHER)
    exam, other = await make_exam(conn, creator), await make_exam(conn, creator)

    async def may_watch(user: UUID) -> bool:
        return await board.list_watchable(conn, [exam], user) == {exam}

    assert await may_watch(creator)
    assert await may_watch(await make_user(conn, role=Role.ADMIN))
    assert not await may_watch(await make_user(conn, role=Role.TEACHER))
    assert not await may_watch(await make_user(conn, role=Role.STUDENT))
    assert not await may_watch(uuid4())
    assert await board.list_watchable(conn, [uuid4()], creator) == set()
    for permitted, enough in ((Permission.VIEW, True), (Permission.REVIEW, True), (Permission.EDIT, False)):
        teacher = await make_user(conn, role=Role.TEACHER)
        await conn.execute(insert(TeacherExamPermission).values(exam_id=exam, teacher_id=teacher, **{permitted: True}))
        assert await may_watch(teacher) is enough
        assert await board.list_watchable(conn, [exam, other], teacher) == ({exam} if enough else set())


async def test_a_deactivated_user_may_watch_nothing(conn: AsyncConnection) -> None:
    creator = await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, creator)
    await conn.execute(update(User).where(User.id == creator).values(is_active=False))
    assert await board.list_watchable(conn, [exam], creator) == set()


async def test_an_attempt_is_shown_with_its_end_and_a_score_with_what_was_observed(conn: AsyncConnection) -> None:
    exam, attempt = await exam_and_attempt(conn)
    values = {"status": "ended", "completed_at": from_ms(1_700_000_000_123), "coverage": 0.3449}
    await conn.execute(update(ExamAttempt).values(**values))
    snapshot = await board.read_board(conn, exam)
    assert snapshot.attempts == [await board.read_attempt_row(conn, attempt)]
    assert (snapshot.attempts[0].status, snapshot.attempts[0].completed_at) == ("ended", 1_700_000_000_123)
    assert snapshot.scores == [ScoreRow(attempt, None, 0.3)]
    with pytest.raises(NotFound):
        await board.read_attempt_row(conn, uuid4())


async def exam_and_attempt(conn: AsyncConnection) -> tuple[UUID, UUID]:
    exam = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    return exam, await make_attempt(conn, exam, await make_user(conn))


async def send_message(conn: AsyncConnection, exam: UUID, actor: UUID, text: str, to: list[UUID] | None) -> None:
    await instructions.issue_instructions(
        conn, exam, to, action="message", body={"text": text}, actor_id=actor, command_id=uuid4()
    )
