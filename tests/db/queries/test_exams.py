from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamPolicy
from db.queries import exams, feed
from protocol.attempts import AttemptStatus
from protocol.people import Role
from tests import factories


async def create(conn: AsyncConnection, creator_id: UUID, title: str = "Physics") -> exams.ExamRecord:
    return await exams.create(conn, creator_id=creator_id, title=title, duration_minutes=60, policy={"a": 1})


async def test_an_exam_comes_with_its_first_policy_and_its_feed(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    record = await create(conn, teacher)
    assert record.is_published
    assert record.created_at > 1_700_000_000_000
    policy = (await conn.execute(select(ExamPolicy.version, ExamPolicy.settings))).one()
    assert policy == (1, {"a": 1})
    assert await feed.heads(conn, [record.exam_id]) == {record.exam_id: 0}


async def test_an_exam_is_its_creators_and_every_administrators(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    other = await factories.make_user(conn, role=Role.TEACHER)
    record = await create(conn, teacher)
    for user_id, role in ((teacher, Role.TEACHER), (other, Role.ADMIN)):
        assert await exams.read_own(conn, record.exam_id, user_id=user_id, role=role) == record
        assert await exams.list_own(conn, user_id=user_id, role=role) == [record]
    with pytest.raises(NotFound):
        await exams.read_own(conn, record.exam_id, user_id=other, role=Role.TEACHER)
    assert await exams.list_own(conn, user_id=other, role=Role.TEACHER) == []
    with pytest.raises(NotFound):
        await exams.read_own(conn, uuid4(), user_id=other, role=Role.ADMIN)


async def test_a_list_goes_on_before_the_exam_named(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    made = [await create(conn, teacher, f"{number}") for number in range(4)]
    newest = await exams.list_own(conn, user_id=teacher, role=Role.TEACHER, limit=2)
    assert newest == [made[3], made[2]]
    older = await exams.list_own(conn, user_id=teacher, role=Role.TEACHER, before=made[2].exam_id, limit=9)
    assert older == [made[1], made[0]]


async def test_enrolling_again_changes_nothing(conn: AsyncConnection) -> None:
    record = await create(conn, await factories.make_user(conn, role=Role.TEACHER))
    ada, eve = [await factories.make_user(conn) for _ in range(2)]
    assert await exams.enrol(conn, record.exam_id, [ada]) == {ada}
    assert await exams.enrol(conn, record.exam_id, [ada, eve]) == {eve}
    assert await exams.enrol(conn, record.exam_id, []) == set()


async def test_a_student_finds_exams_to_sit_and_the_attempt_that_runs(conn: AsyncConnection) -> None:
    teacher, ada, eve = [await factories.make_user(conn, role=role) for role in (Role.TEACHER, *[Role.STUDENT] * 2)]
    physics = await factories.make_exam(conn, teacher)
    attempt_id = await factories.make_attempt(conn, physics, ada)
    await factories.make_attempt(conn, physics, eve)
    latin = await factories.make_exam(conn, teacher)
    await exams.enrol(conn, latin, [ada])
    found = await exams.list_enrolments(conn, ada)
    assert [one.exam_id for one in found] == [latin, physics]
    assert found[0].attempt is None
    assert found[1].attempt is not None
    assert found[1].attempt.attempt_id == attempt_id
    assert found[1].attempt.deadline is not None
    assert [one.exam_id for one in await exams.list_enrolments(conn, ada, only_exam=latin)] == [latin]
    await conn.execute(update(ExamAttempt).values(status=AttemptStatus.SUBMITTED))
    assert [one.attempt for one in await exams.list_enrolments(conn, ada)] == [None, None]
    await conn.execute(update(Exam).where(Exam.id == latin).values(is_published=False))
    assert [one.exam_id for one in await exams.list_enrolments(conn, ada)] == [physics]
