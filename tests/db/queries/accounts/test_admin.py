from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, Forbidden, NotFound
from db.models import UserSession
from db.queries.accounts import admin as accounts
from db.queries.accounts import credentials, service_keys, users
from db.queries.retention import removal
from protocol.roles import Origin, Role, Scope
from tests.factories import make_user


async def test_accounts_are_listed_by_username_role_and_likeness(conn: AsyncConnection) -> None:
    for username, name, role in (("b_b", "Bob", Role.TEACHER), ("bxb", "Eve", Role.STUDENT), ("a", "Ann", Role.ADMIN)):
        await users.create_user(conn, username=username, name=name, role=role, email=f"{name}@school.example")
    listed = await accounts.list_accounts(conn)
    assert [account.username for account in listed] == ["a", "b_b", "bxb"]
    assert [account.can_create_exams for account in listed] == [True, True, False]
    assert [user.username for user in await accounts.list_accounts(conn, role=Role.TEACHER)] == ["b_b"]
    assert [user.username for user in await accounts.list_accounts(conn, like="B_")] == ["b_b"]
    assert [user.username for user in await accounts.list_accounts(conn, like="eve@")] == ["bxb"]
    assert await accounts.list_accounts(conn, after="a", limit=1) == [listed[1]]


async def test_only_an_active_administrator_locks_an_account(conn: AsyncConnection) -> None:
    admin, gone = [await make_user(conn, role=Role.ADMIN) for _ in range(2)]
    teacher, student = await make_user(conn, role=Role.TEACHER), await make_user(conn)
    await users.set_active(conn, f"u-{gone}", active=False)
    assert (await accounts.lock_account(conn, student, admin)).user_id == student
    for actor in (gone, teacher, student, uuid4()):
        with pytest.raises(Forbidden):
            await accounts.lock_account(conn, student, actor)
    with pytest.raises(NotFound):
        await accounts.lock_account(conn, uuid4(), admin)


async def test_the_account_of_a_service_cannot_be_changed(conn: AsyncConnection) -> None:
    admin = await make_user(conn, role=Role.ADMIN)
    await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"hash")
    program = await service_keys.find_program(conn, b"hash")
    assert program is not None
    with pytest.raises(Conflict):
        await accounts.lock_account(conn, program.user_id, admin)


async def test_an_erased_person_is_neither_changed_nor_activated(conn: AsyncConnection) -> None:
    admin, student = await make_user(conn, role=Role.ADMIN), await make_user(conn)
    await removal.begin_erasure(conn, student)
    with pytest.raises(Conflict, match="erased"):
        await accounts.lock_account(conn, student, admin)
    with pytest.raises(NotFound):
        await users.set_active(conn, f"u-{student}", active=True)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ({"is_active": False}, True),
        ({"password_hash": "x"}, True),
        ({"role": "teacher"}, True),
        ({"full_name": "Ada"}, False),
        ({"is_active": True}, False),
        ({}, False),
    ],
)
async def test_which_changes_end_the_sessions_of_a_user(
    conn: AsyncConnection, values: dict[str, object], ends: bool
) -> None:
    admin, ada, eve = [await make_user(conn, role=role) for role in (Role.ADMIN, Role.STUDENT, Role.STUDENT)]
    for user_id in (ada, eve):
        await credentials.open_session(conn, session=uuid4(), user_id=user_id, token_hash=user_id.bytes)
    await accounts.change_account(conn, await accounts.lock_account(conn, ada, admin), values)
    revoked = await conn.execute(select(UserSession.user_id).where(UserSession.ended_at.is_not(None)))
    assert list(revoked.scalars()) == ([ada] if ends else [])


async def test_two_accounts_may_have_one_address(conn: AsyncConnection) -> None:
    admin = await make_user(conn, role=Role.ADMIN)
    await users.create_user(conn, username="a", name="A", role=Role.STUDENT, email="a@b.example")
    await accounts.change_account(conn, await _held(conn, admin, admin), {"email": "a@b.example"})
    assert (await accounts.read_account(conn, admin)).email == "a@b.example"


async def test_a_self_made_account_with_a_password_from_staff_belongs_to_staff(conn: AsyncConnection) -> None:
    admin = await make_user(conn, role=Role.ADMIN)
    one = await users.create_user(conn, username="a", name="A", role=Role.STUDENT, origin=Origin.SELF)
    assert (await accounts.read_account(conn, one.user_id)).origin == Origin.SELF
    await accounts.change_account(conn, await _held(conn, one.user_id, admin), {"password_hash": "$2b$…"})
    assert (await accounts.read_account(conn, one.user_id)).origin == Origin.STAFF


async def test_only_teachers_are_given_the_right_to_make_exams(conn: AsyncConnection) -> None:
    account = await users.create_user(conn, username="t", name="T", role=Role.TEACHER)
    await accounts.set_create_exams(conn, account.user_id, may=False)
    assert not (await accounts.read_account(conn, account.user_id)).can_create_exams
    with pytest.raises(Conflict):
        await accounts.set_create_exams(conn, await make_user(conn), may=True)


async def _held(conn: AsyncConnection, user_id: UUID, admin: UUID) -> accounts.AccountView:
    return await accounts.lock_account(conn, user_id, admin)
