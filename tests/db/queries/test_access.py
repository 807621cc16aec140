from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Forbidden, NotFound
from db.models import TeacherExamPermission, User
from db.queries import access
from protocol.roles import Permission, Role
from tests.factories import make_attempt, make_exam, make_flag, make_user


async def grant(conn: AsyncConnection, exam_id: UUID, teacher_id: UUID, *granted: Permission) -> None:
    row = {"exam_id": exam_id, "teacher_id": teacher_id} | dict.fromkeys(granted, True)
    await conn.execute(insert(TeacherExamPermission).values(row))


async def test_creators_and_administrators_have_every_permission(conn: AsyncConnection) -> None:
    maker, admin = await make_user(conn, role=Role.TEACHER), await make_user(conn, role=Role.ADMIN)
    exam = await make_exam(conn, maker)
    assert await access.list_permissions(conn, exam, maker) == list(Permission)
    assert await access.list_permissions(conn, exam, admin) == list(Permission)


@pytest.mark.parametrize("granted", Permission)
async def test_another_teacher_may_do_what_was_permitted_and_no_more(
    conn: AsyncConnection, granted: Permission
) -> None:
    maker, other = await make_user(conn, role=Role.TEACHER), await make_user(conn, role=Role.TEACHER)
    exam, neighbour = await make_exam(conn, maker), await make_exam(conn, maker)
    await grant(conn, exam, other, granted)
    assert await access.list_permissions(conn, exam, other) == [granted]
    assert await access.list_permissions(conn, neighbour, other) == []


@pytest.mark.parametrize("role", [Role.STUDENT, Role.SERVICE])
async def test_permissions_have_an_effect_for_teachers_only(conn: AsyncConnection, role: Role) -> None:
    exam, user = await make_exam(conn, await make_user(conn, role=Role.TEACHER)), await make_user(conn, role=role)
    await grant(conn, exam, user, *Permission)
    assert not await access.is_permitted(conn, exam, user, *Permission)


async def test_an_account_that_was_switched_off_may_do_nothing(conn: AsyncConnection) -> None:
    maker = await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, maker)
    await conn.execute(update(User).where(User.id == maker).values(is_active=False))
    assert await access.list_permissions(conn, exam, maker) == []


async def test_a_hidden_exam_is_not_found_and_a_visible_one_is_forbidden(conn: AsyncConnection) -> None:
    maker, viewer = await make_user(conn, role=Role.TEACHER), await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, maker)
    with pytest.raises(NotFound):
        await access.require(conn, exam, viewer, Permission.VIEW)
    await grant(conn, exam, viewer, Permission.VIEW)
    await access.require(conn, exam, viewer, Permission.VIEW, Permission.EDIT)
    with pytest.raises(Forbidden, match="can_edit"):
        await access.require(conn, exam, viewer, Permission.EDIT)
    with pytest.raises(NotFound):
        await access.require(conn, uuid4(), maker, Permission.VIEW)


async def test_an_attempt_and_a_flag_are_visible_to_users_who_may_see_the_exam(conn: AsyncConnection) -> None:
    maker, viewer = await make_user(conn, role=Role.TEACHER), await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, maker)
    attempt = await make_attempt(conn, exam, await make_user(conn))
    flag = await make_flag(conn, attempt)
    for require, thing in ((access.require_for_attempt, attempt), (access.require_for_flag, flag)):
        assert await require(conn, thing, maker, Permission.REVIEW) == exam
        with pytest.raises(NotFound):
            await require(conn, thing, viewer, Permission.VIEW)
        with pytest.raises(NotFound):
            await require(conn, uuid4(), maker, Permission.VIEW)
    await grant(conn, exam, viewer, Permission.VIEW)
    for require, thing in ((access.require_for_attempt, attempt), (access.require_for_flag, flag)):
        assert await require(conn, thing, viewer, Permission.VIEW) == exam
        with pytest.raises(Forbidden, match="can_review"):
            await require(conn, thing, viewer, Permission.REVIEW)
