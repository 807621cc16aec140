from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, Forbidden, NotFound
from db.queries import access
from db.queries.accounts import users
from db.queries.exams import permissions
from db.queries.exams.permissions import Grants
from protocol.roles import Permission, Role
from tests.factories import make_exam, make_user

ALL = Grants(can_view=True, can_edit=True, can_invigilate=True, can_review=True, can_view_analytics=True)


async def test_a_grant_replaces_all_permissions(conn: AsyncConnection) -> None:
    maker, other = [await make_user(conn, role=Role.TEACHER) for _ in range(2)]
    exam_id = await make_exam(conn, maker)
    grantee = await permissions.grant(conn, exam_id, maker, f"U-{other}".upper(), ALL)
    assert grantee.teacher_id == other
    assert await access.list_permissions(conn, exam_id, other) == list(Permission)
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_review=True))
    assert await access.list_permissions(conn, exam_id, other) == [Permission.REVIEW]
    (listed,) = await permissions.list_grantees(conn, exam_id, maker)
    assert (listed.teacher_id, listed.can_review, listed.can_edit) == (other, True, False)
    assert await permissions.withdraw(conn, exam_id, maker, f"u-{other}") == other
    assert await access.list_permissions(conn, exam_id, other) == []
    with pytest.raises(NotFound):
        await permissions.withdraw(conn, exam_id, maker, f"u-{other}")


async def test_a_teacher_with_all_permissions_cannot_grant_any(conn: AsyncConnection) -> None:
    maker, other, third = [await make_user(conn, role=Role.TEACHER) for _ in range(3)]
    admin = await make_user(conn, role=Role.ADMIN)
    exam_id = await make_exam(conn, maker)
    await permissions.grant(conn, exam_id, admin, f"u-{other}", ALL)
    for user, error in ((other, Forbidden), (third, NotFound)):
        with pytest.raises(error):
            await permissions.grant(conn, exam_id, user, f"u-{third}", ALL)
        with pytest.raises(error):
            await permissions.list_grantees(conn, exam_id, user)
        with pytest.raises(error):
            await permissions.withdraw(conn, exam_id, user, f"u-{other}")


async def test_only_active_teachers_other_than_the_creator_get_permissions(conn: AsyncConnection) -> None:
    maker, gone = [await make_user(conn, role=Role.TEACHER) for _ in range(2)]
    exam_id = await make_exam(conn, maker)
    await users.set_active(conn, f"u-{gone}", active=False)
    for target in (gone, await make_user(conn), await make_user(conn, role=Role.ADMIN), uuid4()):
        with pytest.raises(NotFound):
            await permissions.grant(conn, exam_id, maker, f"u-{target}", ALL)
    with pytest.raises(Conflict):
        await permissions.grant(conn, exam_id, maker, f"u-{maker}", ALL)


async def test_users_with_permissions_are_listed_by_username_after_a_cursor(conn: AsyncConnection) -> None:
    maker, *others = [await make_user(conn, role=Role.TEACHER) for _ in range(4)]
    exam_id = await make_exam(conn, maker)
    for other in others:
        await permissions.grant(conn, exam_id, maker, f"u-{other}", ALL)
    listed = await permissions.list_grantees(conn, exam_id, maker, after=f"u-{others[0]}", limit=1)
    assert [grantee.teacher_id for grantee in listed] == [others[1]]
