import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import StudentProfile, TeacherExamPermission, User, UserSession
from db.queries.accounts import credentials, users
from db.queries.accounts.candidates import (
    BARRED,
    ID_TAKEN,
    ID_UNKNOWN,
    TWICE,
    ensure_accounts,
    find_accounts,
)
from db.queries.accounts.candidates import (
    RosterStudent as Row,
)
from db.queries.retention import removal
from protocol.roles import Origin, Role
from tests.factories import make_exam, make_user
from tests.locks import until_blocked


@pytest.fixture
async def exam_id(conn: AsyncConnection) -> UUID:
    return await make_exam(conn, await make_user(conn, role=Role.TEACHER))


async def register(conn: AsyncConnection, username: str = "victim") -> UUID:
    account = await users.create_user(
        conn, username=username, name="Typed Name", role=Role.STUDENT, password_hash="$2b$…", origin=Origin.SELF
    )
    return account.user_id


async def test_missing_accounts_are_created_by_staff_and_known_ones_stay_as_they_are(
    conn: AsyncConnection, exam_id: UUID
) -> None:
    ada = await users.create_user(conn, username="ada", name="Ada", role=Role.STUDENT)
    roster = [
        Row(username="Zoë", name="Zoe", enrollment_id="17"),
        Row(username="ADA", name="Another"),
    ]
    found = await ensure_accounts(conn, exam_id, roster, ())
    assert (found.usernames, found.user_ids[1]) == (["zoë", "ada"], ada.user_id)
    assert (await ensure_accounts(conn, exam_id, roster, ())).user_ids == found.user_ids
    stored = await conn.execute(
        select(User.full_name, User.origin, StudentProfile.enrollment_id)
        .join(StudentProfile, StudentProfile.user_id == User.id)
        .order_by(User.username)
    )
    assert [tuple(row) for row in stored] == [("Ada", "staff", None), ("Zoe", "staff", "17")]


async def test_a_self_made_account_waits_for_a_confirmation(conn: AsyncConnection, exam_id: UUID) -> None:
    user_id = await register(conn)
    found = await ensure_accounts(conn, exam_id, [Row(username="Victim", name="Victim Real")], ["someone-else"])
    [one] = found.self_made
    assert (one.index, one.username, one.name, one.registered_name) == (0, "victim", "Victim Real", "Typed Name")
    stored = (await conn.execute(select(User.password_hash, User.origin).where(User.id == user_id))).one()
    assert tuple(stored) == ("$2b$…", "self")


async def test_a_confirmed_account_belongs_to_staff_without_its_password_and_sessions(
    conn: AsyncConnection, exam_id: UUID
) -> None:
    user_id = await register(conn)
    await credentials.open_session(conn, session=uuid4(), user_id=user_id, token_hash=b"t")
    found = await ensure_accounts(conn, exam_id, [Row(username="victim", name="Victim Real")], ["VICTIM"])
    assert (found.user_ids, found.self_made, found.refusals) == ([user_id], [], [])
    columns = (User.password_hash, User.origin, User.full_name)
    assert tuple((await conn.execute(select(*columns).where(User.id == user_id))).one()) == (
        None,
        "staff",
        "Victim Real",
    )
    assert (await conn.execute(select(UserSession.ended_at))).scalar_one() is not None


async def test_a_user_who_registers_at_the_same_moment_is_not_added(
    conn: AsyncConnection, engine: AsyncEngine, exam_id: UUID
) -> None:
    await conn.commit()
    async with engine.connect() as registering:
        await register(registering)

        async def add() -> list[str]:
            async with engine.connect() as adding:
                found = await ensure_accounts(adding, exam_id, [Row(username="victim", name="Victim Real")], ())
                return [one.registered_name for one in found.self_made]

        task = asyncio.create_task(add())
        await until_blocked(engine)
        await registering.commit()
        assert await asyncio.wait_for(task, 10) == ["Typed Name"]


async def test_a_person_who_is_erased_at_the_same_moment_is_not_added(
    conn: AsyncConnection, engine: AsyncEngine, exam_id: UUID
) -> None:
    ada = await users.create_user(conn, username="ada", name="Ada", role=Role.STUDENT)
    await conn.commit()

    async def add() -> tuple[list[UUID | None], list[str]]:
        async with engine.begin() as adding:
            found = await ensure_accounts(adding, exam_id, [Row(username="ada", name="Ada")], ())
            return found.user_ids, [one.message for one in found.refusals]

    async with engine.begin() as erasing:
        await removal.begin_erasure(erasing, ada.user_id)
        task = asyncio.create_task(add())
        await until_blocked(engine)
    assert await asyncio.wait_for(task, 10) == ([ada.user_id], [BARRED])
    async with engine.begin() as erasing:
        await removal.erase_user(erasing, ada.user_id)
        task = asyncio.create_task(add())
        await until_blocked(engine)
    (new,), refusals = await asyncio.wait_for(task, 10)
    assert (new not in {None, ada.user_id}, refusals) == (True, [])


async def test_who_runs_the_exam_cannot_take_it_and_another_teacher_can(conn: AsyncConnection, exam_id: UUID) -> None:
    names = {}
    for role in (Role.ADMIN, Role.SERVICE, Role.TEACHER, Role.STUDENT):
        names[role] = (await users.create_user(conn, username=f"x-{role}", name="X", role=role)).user_id
    granted = await users.create_user(conn, username="granted", name="G", role=Role.TEACHER)
    await conn.execute(insert(TeacherExamPermission).values(exam_id=exam_id, teacher_id=granted.user_id))
    await conn.execute(update(User).where(User.id == names[Role.STUDENT]).values(is_active=False))
    roster = [Row(username=name, name="N") for name in ("x-admin", "x-service", "x-student", "granted")]
    found = await ensure_accounts(conn, exam_id, [*roster, Row(username="x-teacher", name="N")], ())
    assert [(one.index, one.column, one.message) for one in found.refusals] == [
        (index, "username", BARRED) for index in range(4)
    ]
    found = await ensure_accounts(conn, exam_id, [Row(username="x-teacher", name="N")], ())
    assert found.user_ids == [names[Role.TEACHER]]
    profiles = (await conn.execute(select(StudentProfile.user_id))).scalars().all()
    assert names[Role.TEACHER] in profiles


async def test_an_enrollment_id_finds_the_account(conn: AsyncConnection, exam_id: UUID) -> None:
    await ensure_accounts(conn, exam_id, [Row(username="ada", name="Ada", enrollment_id="17")], ())
    found = await ensure_accounts(conn, exam_id, [Row(name="Ada E.", enrollment_id="17")], ())
    assert found.usernames == ["ada"]


async def test_an_enrollment_id_that_leads_to_no_account_or_another_one_is_refused(
    conn: AsyncConnection, exam_id: UUID
) -> None:
    await ensure_accounts(conn, exam_id, [Row(username="ada", name="Ada", enrollment_id="17")], ())
    roster = [
        Row(name="Eve", enrollment_id="18"),
        Row(username="max", name="Max", enrollment_id="17"),
        Row(username="ada", name="Ada", enrollment_id="19"),
        Row(name="Ada", enrollment_id="17"),
    ]
    found = await find_accounts(conn, exam_id, roster)
    assert [(one.index, one.column, one.message) for one in found.refusals] == [
        (0, "enrollment_id", ID_UNKNOWN),
        (1, "enrollment_id", ID_TAKEN),
        (3, "enrollment_id", TWICE),
    ]
