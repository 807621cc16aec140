from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Exam, ExamAttempt
from db.queries.exams import rosters, student_exams
from db.queries.exams.rosters import RosterLine
from db.queries.exams.student_exams import EnrolmentState, derive_state
from protocol.attempts import RUNNING, AttemptStatus
from protocol.roles import Role
from tests import factories

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


async def test_a_student_finds_exams_to_take_and_their_own_attempt(conn: AsyncConnection) -> None:
    teacher, ada, eve = [await factories.make_user(conn, role=role) for role in (Role.TEACHER, *[Role.STUDENT] * 2)]
    physics = await factories.make_exam(conn, teacher)
    attempt_id = await factories.make_attempt(conn, physics, ada)
    await factories.make_attempt(conn, physics, eve)
    latin = await factories.make_exam(conn, teacher, policy={"preset": "camera"})
    await rosters.enroll(conn, latin, [RosterLine(ada)])
    found = await student_exams.list_enrollments(conn, ada)
    assert [(row.exam_id, row.state) for row in found] == [(latin, "open"), (physics, "running")]
    assert found[0].policy == {"preset": "camera"}
    assert found[0].attempt is None
    assert found[1].attempt is not None
    assert found[1].attempt.attempt_id == attempt_id
    assert found[1].attempt.deadline is not None
    await conn.execute(update(ExamAttempt).values(status=AttemptStatus.SUBMITTED))
    done = (await student_exams.list_enrollments(conn, ada))[1]
    assert done.state is EnrolmentState.DONE
    assert done.attempt is not None
    assert done.attempt.status == "completed"


async def test_a_list_can_be_one_exam_or_a_page_and_leaves_out_what_is_not_for_the_student(
    conn: AsyncConnection,
) -> None:
    teacher, ada = [await factories.make_user(conn, role=role) for role in (Role.TEACHER, Role.STUDENT)]
    made = [await factories.make_exam(conn, teacher) for _ in range(4)]
    for exam_id in made:
        await rosters.enroll(conn, exam_id, [RosterLine(ada)])
    await rosters.remove_from_roster(conn, made[0], ada)
    await conn.execute(update(Exam).where(Exam.id == made[1]).values(is_published=False))
    assert [enrollment.exam_id for enrollment in await student_exams.list_enrollments(conn, ada)] == [made[3], made[2]]
    assert [
        enrollment.exam_id for enrollment in await student_exams.list_enrollments(conn, ada, only_exam=made[2])
    ] == [made[2]]
    assert [enrollment.exam_id for enrollment in await student_exams.list_enrollments(conn, ada, limit=1)] == [made[3]]
    assert [enrollment.exam_id for enrollment in await student_exams.list_enrollments(conn, ada, after=made[3])] == [
        made[2]
    ]


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "state"),
    [
        (None, None, "open"),
        (AFTER, None, "upcoming"),
        (NOW, AFTER, "open"),
        (BEFORE, AFTER, "open"),
        (BEFORE, NOW, "closed"),
        (None, BEFORE, "closed"),
    ],
)
def test_without_an_attempt_the_state_follows_from_the_opening_hours(
    opens_at: datetime | None, closes_at: datetime | None, state: str
) -> None:
    assert derive_state(None, opens_at, closes_at, NOW) == state
    for status in AttemptStatus:
        assert derive_state(status, opens_at, closes_at, NOW) == ("running" if status in RUNNING else "done")
