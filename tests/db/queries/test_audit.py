import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import sqlstate_of
from db.models import AuditLog
from db.queries import audit
from protocol.roles import Role
from tests.factories import make_user


async def note(conn: AsyncConnection, number: int = 1) -> None:
    await audit.append(
        conn, actor_id=None, action=f"act_{number}", resource="exam", resource_id=number, details={"a": "b"}
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET action = 'nothing'",
        "UPDATE audit_logs SET details = '{}' WHERE false OR true",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs CASCADE",
        "TRUNCATE users CASCADE",
    ],
)
async def test_the_database_itself_refuses_to_change_what_was_done(conn: AsyncConnection, statement: str) -> None:
    await note(conn)
    savepoint = await conn.begin_nested()
    with pytest.raises(DBAPIError, match="append-only") as refused:
        await conn.execute(text(statement))
    assert sqlstate_of(refused.value) == "42501"
    await savepoint.rollback()
    assert (await conn.execute(select(AuditLog.action))).scalars().all() == ["act_1"]


async def test_entries_are_listed_from_the_newest_with_their_actor_page_by_page(conn: AsyncConnection) -> None:
    teacher = await make_user(conn, role=Role.TEACHER, name="Grace Hopper")
    for number in range(3):
        await note(conn, number)
    await audit.append(
        conn,
        actor_id=teacher,
        action="act_3",
        resource="flag",
        resource_id="x",
        ip="0a1b",
        address="::1",
        user_agent="x",
    )
    entries = await audit.list_entries(conn)
    assert [entry.action for entry in entries] == ["act_3", "act_2", "act_1", "act_0"]
    assert (entries[0].actor_name, entries[0].place) == ("Grace Hopper", "0a1b")
    assert (entries[0].ip, entries[0].user_agent) == ("::1", "x")
    assert (entries[1].actor, entries[1].details) == (None, {"a": "b"})
    assert await audit.list_entries(conn, after=entries[1].entry_id, limit=1) == [entries[2]]
    assert await audit.list_entries(conn, actor=teacher) == entries[:1]
    assert await audit.list_entries(conn, actor=f"U-{teacher}") == entries[:1]
    assert await audit.list_entries(conn, resource="exam", resource_id="1") == [entries[2]]
    assert await audit.list_entries(conn, action="act_0") == [entries[3]]


async def test_the_address_can_be_deleted_and_the_row_stays(conn: AsyncConnection) -> None:
    await audit.append(
        conn, actor_id=None, action="act", resource="exam", resource_id=1, ip="0a1b", address="::1", user_agent="x"
    )
    before = (await conn.execute(select(AuditLog))).one()
    await conn.execute(text("DELETE FROM audit_sources"))
    (entry,) = await audit.list_entries(conn)
    assert (entry.place, entry.ip, entry.user_agent) == ("0a1b", None, None)
    assert (await conn.execute(select(AuditLog))).one() == before
