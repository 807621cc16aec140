from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Forbidden, NotFound
from db.models import Exam, ExamAttempt, PerformanceMetric
from db.queries.exams import permissions, rosters
from db.queries.exams.permissions import Grants
from db.queries.review import students
from db.queries.review.students import FlaggedStudent
from protocol.attempts import ExamKind
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_user
from tests.seeded_attempts import SeededAttempt, end, seed_attempt


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    """An ended attempt."""
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    return seeded


async def take_another_exam(conn: AsyncConnection, student: UUID) -> UUID:
    """Let the student take an exam of another teacher; return that teacher."""
    other = await make_user(conn, role=Role.TEACHER)
    await make_attempt(conn, await make_exam(conn, other), student)
    return other


async def label(conn: AsyncConnection, attempt_id: UUID, dropout_label: str) -> None:
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt_id).values(dropout_label=dropout_label))


async def add_metrics(conn: AsyncConnection, student: UUID, *, flagged: bool = True) -> None:
    await conn.execute(
        insert(PerformanceMetric).values(
            student_id=student, total_exams=2, current_risk_label="copy", flagged_for_intervention=flagged
        )
    )


async def list_flagged(
    conn: AsyncConnection, user: UUID, exam: UUID | None = None, role: Role = Role.TEACHER
) -> list[FlaggedStudent]:
    return await students.list_flagged(conn, user, role=role, exam_id=exam, after=None, limit=10)


async def test_a_teacher_sees_the_students_of_their_exams_only(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    card = await students.read_card(conn, seeded.student_id, seeded.teacher_id)
    assert (card.user_id, card.name) == (seeded.student_id, "Ada Example")
    stranger = await make_user(conn, role=Role.TEACHER)
    for student, user in ((seeded.student_id, stranger), (uuid4(), seeded.teacher_id)):
        with pytest.raises(NotFound):
            await students.read_card(conn, student, user)


async def test_a_student_who_was_removed_from_the_roster_is_still_visible(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await rosters.remove_from_roster(conn, seeded.exam_id, seeded.student_id)
    assert (await students.read_card(conn, seeded.student_id, seeded.teacher_id)).user_id == seeded.student_id


async def test_only_attempts_in_exams_that_the_user_may_see_are_listed(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    other = await take_another_exam(conn, seeded.student_id)
    (attempt,) = await students.list_attempts(conn, seeded.student_id, seeded.teacher_id)
    assert attempt.attempt_id == seeded.attempt_id
    assert len(await students.list_attempts(conn, seeded.student_id, other)) == 1
    admin = await make_user(conn, role=Role.ADMIN)
    newest, oldest = await students.list_attempts(conn, seeded.student_id, admin)
    assert newest.started_at >= oldest.started_at


async def test_figures_over_all_exams_are_for_users_who_may_see_all_of_them(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    assert await students.read_metrics(conn, seeded.student_id, seeded.teacher_id) is None
    await add_metrics(conn, seeded.student_id)
    metrics = await students.read_metrics(conn, seeded.student_id, seeded.teacher_id)
    assert metrics is not None
    assert (metrics.total_exams, metrics.current_risk_label) == (2, "copy")
    await take_another_exam(conn, seeded.student_id)
    assert await students.read_metrics(conn, seeded.student_id, seeded.teacher_id) is None


@pytest.mark.parametrize(("dropout_label", "high_risk"), [("copy", 1), ("incapable", 1), ("safe", 0)])
async def test_students_with_a_high_risk_attempt_need_attention(
    conn: AsyncConnection, seeded: SeededAttempt, dropout_label: str, high_risk: int
) -> None:
    await label(conn, seeded.attempt_id, dropout_label)
    found = await list_flagged(conn, seeded.teacher_id)
    assert [(row.student_id, row.attempts, row.high_risk) for row in found] == [(seeded.student_id, 1, 1)] * high_risk


async def test_students_with_a_flagged_attempt_need_attention(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert await list_flagged(conn, seeded.teacher_id, seeded.exam_id) == []
    await conn.execute(update(ExamAttempt).values(flagged=True))
    (found,) = await list_flagged(conn, seeded.teacher_id, seeded.exam_id)
    assert (found.student_id, found.high_risk, found.current_risk_label) == (seeded.student_id, 0, None)


@pytest.mark.parametrize("is_refreshed", [False, True], ids=["live", "view"])
async def test_an_attempt_of_a_practice_exam_is_no_risk(
    conn: AsyncConnection, seeded: SeededAttempt, is_refreshed: bool
) -> None:
    admin = await make_user(conn, role=Role.ADMIN)
    await label(conn, seeded.attempt_id, "copy")
    await conn.execute(update(ExamAttempt).values(flagged=True))
    await conn.execute(update(Exam).values(kind=ExamKind.PRACTICE))
    if is_refreshed:
        await conn.exec_driver_sql("SELECT refresh_summary_views()")
    assert await list_flagged(conn, admin, role=Role.ADMIN) == []
    assert await list_flagged(conn, seeded.teacher_id) == []
    assert await list_flagged(conn, seeded.teacher_id, seeded.exam_id) == []


async def test_the_risk_over_all_exams_is_for_users_who_may_see_all_of_them(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await add_metrics(conn, seeded.student_id)
    (found,) = await list_flagged(conn, seeded.teacher_id)
    assert (found.current_risk_label, found.flagged_for_intervention) == ("copy", True)
    await take_another_exam(conn, seeded.student_id)
    assert await list_flagged(conn, seeded.teacher_id) == []
    await label(conn, seeded.attempt_id, "copy")
    (found,) = await list_flagged(conn, seeded.teacher_id)
    assert (found.current_risk_label, found.flagged_for_intervention) == (None, False)


async def test_an_administrators_list_comes_from_the_view_once_it_is_filled(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    admin = await make_user(conn, role=Role.ADMIN)
    await label(conn, seeded.attempt_id, "copy")
    assert len(await list_flagged(conn, admin, role=Role.ADMIN)) == 1
    await conn.exec_driver_sql("SELECT refresh_summary_views()")
    await label(conn, seeded.attempt_id, "safe")
    assert len(await list_flagged(conn, admin, role=Role.ADMIN)) == 1
    assert await list_flagged(conn, admin, seeded.exam_id, role=Role.ADMIN) == []


async def test_the_list_of_one_exam_needs_the_permission_to_view_analytics(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    colleague = await make_user(conn, role=Role.TEACHER)
    with pytest.raises(NotFound):
        await list_flagged(conn, colleague, seeded.exam_id)
    await permissions.grant(conn, seeded.exam_id, seeded.teacher_id, f"u-{colleague}", Grants(can_view=True))
    with pytest.raises(Forbidden):
        await list_flagged(conn, colleague, seeded.exam_id)
