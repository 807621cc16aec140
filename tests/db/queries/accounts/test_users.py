from uuid import uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict
from db.models import StudentProfile, TeacherProfile, User
from db.queries.accounts import users
from protocol.roles import Role


async def test_an_account_is_made_with_the_profile_of_its_role(conn: AsyncConnection) -> None:
    for role, students, teachers in ((Role.STUDENT, 1, 0), (Role.TEACHER, 1, 1), (Role.ADMIN, 1, 1)):
        account = await users.create_user(conn, username=f"A-{role}", name="Ada", role=role)
        assert (account.username, account.role) == (f"a-{role}", role)
        counts = [
            (await conn.execute(select(func.count()).select_from(profile))).scalar_one()
            for profile in (StudentProfile, TeacherProfile)
        ]
        assert counts == [students, teachers]


async def test_usernames_are_taken_regardless_of_case_and_addresses_may_be_shared(conn: AsyncConnection) -> None:
    await users.create_user(conn, username="ada", name="Ada", role=Role.STUDENT, email="ada@school.example")
    with pytest.raises(Conflict):
        await users.create_user(conn, username="ADA", name="Ada", role=Role.STUDENT)
    await users.create_user(conn, username="eve", name="Eve", role=Role.STUDENT, email="Ada@School.Example")
    await users.create_user(conn, username="bob", name="Bob", role=Role.STUDENT)
    await users.create_user(conn, username="bea", name="Bea", role=Role.STUDENT)


async def test_only_active_accounts_are_found_to_sign_in(conn: AsyncConnection) -> None:
    account = await users.create_user(conn, username="ada", name="Ada", role=Role.TEACHER, password_hash="$2b$…")
    found = await users.find_sign_in(conn, "ADA")
    assert found == users.SignIn(account, "$2b$…")
    assert await users.find_sign_in(conn, "eve") is None
    await conn.execute(update(User).values(is_active=False))
    assert await users.find_sign_in(conn, "ada") is None


async def test_the_last_login_is_kept(conn: AsyncConnection) -> None:
    account = await users.create_user(conn, username="ada", name="Ada", role=Role.STUDENT)
    await users.record_login(conn, account.user_id, "203.0.113.7")
    row = (await conn.execute(select(User.last_login, User.last_login_ip))).one()
    assert row.last_login is not None
    assert row.last_login_ip == "203.0.113.7"


async def test_administrators_and_teachers_with_the_right_may_create_exams(conn: AsyncConnection) -> None:
    ids = {role: (await users.create_user(conn, username=role, name="A", role=role)).user_id for role in Role}
    allowed = {role for role, user_id in ids.items() if await users.may_create_exams(conn, user_id)}
    assert allowed == {Role.TEACHER, Role.ADMIN}
    assert not await users.may_create_exams(conn, uuid4())
    await conn.execute(update(TeacherProfile).values(can_create_exams=False))
    assert not await users.may_create_exams(conn, ids[Role.TEACHER])
    await conn.execute(update(User).values(is_active=False))
    assert not await users.may_create_exams(conn, ids[Role.ADMIN])
