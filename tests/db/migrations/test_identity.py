"""Revision 0004: what becomes of the sign-ins and rosters that a database had before it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import migrations
from protocol.roles import Role
from tests import factories

NOW = datetime.now(UTC)
EARLIER, LATER, LONG_AFTER = NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW + timedelta(days=20)
STAFF_END = timedelta(hours=12)


async def migrate(conn: AsyncConnection, revision: str) -> None:
    def run(connection: Connection) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        (command.downgrade if revision == "0003" else command.upgrade)(config, revision)

    await conn.run_sync(run)


async def rows(conn: AsyncConnection, query: str) -> list[Mapping[str, Any]]:
    return [dict(row) for row in (await conn.execute(text(query))).mappings()]


async def add_token(conn: AsyncConnection, family: UUID, user_id: UUID, **columns: Any) -> bytes:
    """Add a refresh token in the form before revision 0004."""
    secret = uuid4().bytes
    values = {"id": uuid4(), "hash": secret, "family": family, "user_id": user_id, "created_at": EARLIER} | columns
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    await conn.execute(text(f"INSERT INTO refresh_tokens ({names}) VALUES ({places})"), values)
    return secret


@pytest.fixture
async def old(conn: AsyncConnection) -> AsyncConnection:
    """A connection to a database of revision 0003, with a student, a teacher and an exam."""
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    await factories.make_exam(conn, teacher)
    await factories.make_user(conn, role=Role.STUDENT)
    await migrate(conn, "0003")
    return conn


async def find_ids(conn: AsyncConnection) -> tuple[UUID, UUID, UUID]:
    """Return the ids of the student, the teacher and the exam."""
    (ids,) = await rows(
        conn,
        "SELECT (SELECT id FROM users WHERE role = 'student') AS student, "
        "(SELECT id FROM users WHERE role = 'teacher') AS teacher, (SELECT id FROM exams) AS exam",
    )
    return ids["student"], ids["teacher"], ids["exam"]


async def test_a_family_of_tokens_becomes_a_session_with_its_first_and_last_use(old: AsyncConnection) -> None:
    student, _, exam = await find_ids(old)
    family = uuid4()
    await add_token(old, family, student, exam_id=exam, expires_at=LATER, created_at=EARLIER - timedelta(hours=2))
    await add_token(old, family, student, exam_id=exam, expires_at=LONG_AFTER)
    await migrate(old, "0004")
    assert await rows(old, "SELECT * FROM sessions") == [
        {
            "id": family,
            "user_id": student,
            "exam_id": exam,
            "opened_at": EARLIER - timedelta(hours=2),
            "last_used_at": EARLIER,
            "ends_at": LONG_AFTER,
            "idle_s": None,
            "ended_at": None,
            "end_reason": None,
            "agent": "",
            "place": "",
        }
    ]
    assert {row["family"] for row in await rows(old, "SELECT family FROM refresh_tokens")} == {family}


async def test_a_session_of_staff_ends_within_twelve_hours(old: AsyncConnection) -> None:
    student, teacher, _ = await find_ids(old)
    families = {"student": uuid4(), "teacher": uuid4(), "soon": uuid4()}
    await add_token(old, families["student"], student, expires_at=LONG_AFTER)
    await add_token(old, families["teacher"], teacher, expires_at=LONG_AFTER)
    await add_token(old, families["soon"], teacher, expires_at=LATER)
    await migrate(old, "0004")
    ends = {row["id"]: row["ends_at"] for row in await rows(old, "SELECT id, ends_at FROM sessions")}
    assert ends[families["student"]] == LONG_AFTER
    assert NOW < ends[families["teacher"]] <= datetime.now(UTC) + STAFF_END
    assert ends[families["soon"]] == LATER


async def test_only_a_family_without_a_valid_token_has_ended(old: AsyncConnection) -> None:
    student, _, _ = await find_ids(old)
    ended, half = uuid4(), uuid4()
    await add_token(old, ended, student, expires_at=LATER, revoked_at=EARLIER)
    await add_token(old, ended, student, expires_at=LATER, revoked_at=NOW)
    await add_token(old, half, student, expires_at=LATER, revoked_at=EARLIER)
    await add_token(old, half, student, expires_at=LATER)
    await migrate(old, "0004")
    stored = {row["id"]: (row["ended_at"], row["end_reason"]) for row in await rows(old, "SELECT * FROM sessions")}
    assert stored == {ended: (NOW, "signed_out"), half: (None, None)}


async def test_sessions_go_back_to_tokens_that_are_as_valid_as_they_were(old: AsyncConnection) -> None:
    student, _, exam = await find_ids(old)
    valid = await add_token(old, uuid4(), student, exam_id=exam, expires_at=LATER)
    ended = await add_token(old, uuid4(), student, expires_at=LATER, revoked_at=EARLIER)
    before = await rows(old, "SELECT * FROM refresh_tokens ORDER BY id")
    await migrate(old, "0004")
    await migrate(old, "0003")
    after = await rows(old, "SELECT * FROM refresh_tokens ORDER BY id")
    assert after == [{column: row[column] for column in after[0]} for row in before]
    assert {row["hash"] for row in after} == {valid, ended}


async def test_accounts_that_registered_themselves_are_theirs_and_all_others_of_the_staff(old: AsyncConnection) -> None:
    student, teacher, _ = await find_ids(old)
    columns, values = "id, actor_id, action, resource, resource_id", ":id, :user, :action, 'user', 'u'"
    entry = f"INSERT INTO audit_logs ({columns}) VALUES ({values})"
    for user, action in ((student, "register"), (student, "login"), (teacher, "login")):
        await old.execute(text(entry), {"id": uuid4(), "user": user, "action": action})
    await migrate(old, "0004")
    origins = {row["id"]: row["origin"] for row in await rows(old, "SELECT id, origin FROM users")}
    assert origins == {student: "self", teacher: "staff"}


async def test_of_accounts_with_one_address_the_oldest_keeps_it_when_the_revision_is_undone(
    old: AsyncConnection,
) -> None:
    await migrate(old, "0004")
    await old.execute(text("UPDATE users SET email = 'family@school.example'"))
    first = min(row["id"] for row in await rows(old, "SELECT id FROM users"))
    await migrate(old, "0003")
    kept = await rows(old, "SELECT id, email FROM users WHERE email IS NOT NULL")
    assert kept == [{"id": first, "email": "family@school.example"}]
