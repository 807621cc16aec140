from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog
from protocol.roles import Role
from tests.hub.conftest import Users


async def test_a_row_has_user_address_and_user_agent(users: Users, engine: AsyncEngine) -> None:
    teacher = await users.make(Role.TEACHER, "teacher")
    users.anonymous.http.headers["User-Agent"] = "a-browser/1 " * 50 + "x"
    exam = (await teacher.post("/exams", {"title": "Physics", "duration_minutes": 90})).json()
    async with engine.connect() as conn:
        row = (await conn.execute(select(AuditLog).where(AuditLog.action == "create_exam"))).one()
    assert row.actor_id == UUID(teacher.tokens["user"]["id"])
    assert (row.resource, row.resource_id, row.ip) == ("exam", exam["exam_id"], "127.0.0.1")
    assert row.user_agent == ("a-browser/1 " * 50)[:256]
