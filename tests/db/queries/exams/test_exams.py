import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.models import ExamAttempt, ExamPolicy
from db.queries import feed
from db.queries.accounts import users
from db.queries.attempts.start import start_attempt
from db.queries.exams import exams, permissions, rosters
from db.queries.exams.permissions import Grants
from db.queries.exams.rosters import RosterLine
from protocol.attempts import AttemptStatus
from protocol.roles import Permission, Role
from tests import factories
from tests.locks import until_blocked


async def create(conn: AsyncConnection, creator_id: UUID, **values: Any) -> UUID:
    values = {"title": "Physics", "duration_minutes": 60, **values}
    return await exams.create_exam(conn, creator_id=creator_id, policy={"a": 1}, **values)


async def test_a_new_exam_has_its_first_policy_and_a_feed(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await create(conn, teacher)
    view = await exams.read_exam(conn, exam_id, teacher)
    assert not view.is_published
    assert view.created_at > 1_700_000_000_000
    assert (view.version, view.items_version, view.policy_version, view.opens_at) == (1, 0, 1, None)
    policy = (await conn.execute(select(ExamPolicy.version, ExamPolicy.settings))).one()
    assert policy == (1, {"a": 1})
    assert await feed.read_heads(conn, [exam_id]) == {exam_id: 0}


async def test_an_exam_is_visible_to_its_creator_administrators_and_permitted_teachers(conn: AsyncConnection) -> None:
    maker, other = [await factories.make_user(conn, role=Role.TEACHER) for _ in range(2)]
    admin = await factories.make_user(conn, role=Role.ADMIN)
    exam_id = await create(conn, maker)
    for user_id, role in ((maker, Role.TEACHER), (admin, Role.ADMIN)):
        view = await exams.read_exam(conn, exam_id, user_id)
        assert view.permissions == list(Permission)
        assert await exams.list_visible(conn, user_id=user_id, role=role) == [view]
    with pytest.raises(NotFound):
        await exams.read_exam(conn, exam_id, other)
    assert await exams.list_visible(conn, user_id=other, role=Role.TEACHER) == []
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_invigilate=True))
    (view,) = await exams.list_visible(conn, user_id=other, role=Role.TEACHER)
    assert view.permissions == [Permission.INVIGILATE]
    with pytest.raises(NotFound):
        await exams.read_exam(conn, uuid4(), admin)


async def test_a_claimed_role_of_administrator_gives_no_access(conn: AsyncConnection) -> None:
    maker, other = [await factories.make_user(conn, role=Role.TEACHER) for _ in range(2)]
    await create(conn, maker)
    assert await exams.list_visible(conn, user_id=other, role=Role.ADMIN) == []
    await users.set_active(conn, f"u-{maker}", active=False)
    assert await exams.list_visible(conn, user_id=maker, role=Role.TEACHER) == []


async def test_a_list_continues_after_the_given_exam(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    made = [await create(conn, teacher) for _ in range(4)]
    newest = await exams.list_visible(conn, user_id=teacher, role=Role.TEACHER, limit=2)
    assert [exam.exam_id for exam in newest] == [made[3], made[2]]
    older = await exams.list_visible(conn, user_id=teacher, role=Role.TEACHER, after=made[2], limit=9)
    assert [exam.exam_id for exam in older] == [made[1], made[0]]


async def test_an_exam_counts_its_roster_and_its_running_attempts(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await factories.make_exam(conn, teacher)
    ada, eve, max_ = [await factories.make_user(conn) for _ in range(3)]
    await factories.make_attempt(conn, exam_id, ada)
    await factories.make_attempt(conn, exam_id, eve)
    await rosters.enroll(conn, exam_id, [RosterLine(max_)])
    await rosters.remove_from_roster(conn, exam_id, max_)
    await conn.execute(update(ExamAttempt).where(ExamAttempt.student_id == eve).values(status=AttemptStatus.SUBMITTED))
    view = await exams.read_exam(conn, exam_id, teacher)
    assert (view.roster_size, view.running_attempts) == (2, 1)


async def test_an_edit_counts_and_is_for_editors(conn: AsyncConnection) -> None:
    maker, other = [await factories.make_user(conn, role=Role.TEACHER) for _ in range(2)]
    exam_id = await create(conn, maker)
    with pytest.raises(NotFound):
        await exams.lock_exam(conn, exam_id, other)
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_view=True))
    with pytest.raises(Forbidden):
        await exams.lock_exam(conn, exam_id, other)
    assert (await exams.lock_exam(conn, exam_id, maker)).version == 1
    await exams.change_exam(conn, exam_id, {"title": "Latin"})
    view = await exams.read_exam(conn, exam_id, maker)
    assert (view.title, view.version) == ("Latin", 2)


async def test_an_exam_is_unpublished_only_while_no_attempt_is_running(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await create(conn, teacher)
    assert await exams.publish_exam(conn, exam_id, teacher)
    assert not await exams.publish_exam(conn, exam_id, teacher)
    await factories.make_attempt(conn, exam_id, await factories.make_user(conn))
    with pytest.raises(Conflict, match="1 attempt is running"):
        await exams.unpublish_exam(conn, exam_id, teacher)
    await conn.execute(update(ExamAttempt).values(status=AttemptStatus.TIMED_OUT))
    assert await exams.unpublish_exam(conn, exam_id, teacher)
    assert not await exams.unpublish_exam(conn, exam_id, teacher)


async def test_no_attempt_starts_while_its_exam_is_being_unpublished(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        teacher, ada = await factories.make_user(conn, role=Role.TEACHER), await factories.make_user(conn)
        exam_id = await factories.make_exam(conn, teacher)
        await rosters.enroll(conn, exam_id, [RosterLine(ada)])
    async with engine.begin() as starting, engine.begin() as hiding:
        assert await exams.unpublish_exam(hiding, exam_id, teacher)
        start = asyncio.create_task(start_attempt(starting, exam_id, ada, rulebook_version=1))
        await until_blocked(engine)
        await hiding.commit()
        with pytest.raises(NotFound):
            await start


async def test_an_exam_is_not_unpublished_while_an_attempt_is_being_started(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        teacher, ada = await factories.make_user(conn, role=Role.TEACHER), await factories.make_user(conn)
        exam_id = await factories.make_exam(conn, teacher)
        await rosters.enroll(conn, exam_id, [RosterLine(ada)])
    async with engine.begin() as starting, engine.begin() as hiding:
        await start_attempt(starting, exam_id, ada, rulebook_version=1)
        hide = asyncio.create_task(exams.unpublish_exam(hiding, exam_id, teacher))
        await until_blocked(engine)
        await starting.commit()
        with pytest.raises(Conflict):
            await hide


async def test_releasing_results_again_changes_nothing(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await create(conn, teacher)
    assert await exams.release_results(conn, exam_id, teacher)
    first = await exams.read_exam(conn, exam_id, teacher)
    assert first.results_released_at is not None
    assert not await exams.release_results(conn, exam_id, teacher)
    assert await exams.read_exam(conn, exam_id, teacher) == first
