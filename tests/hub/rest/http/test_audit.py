from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, AuditSource
from hub.auth.pseudonyms import make_pseudonym
from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import Users


async def test_a_row_has_user_and_a_hash_of_the_address_which_is_stored_beside_it(
    users: Users, engine: AsyncEngine, settings: HubSettings
) -> None:
    teacher = await users.make(Role.TEACHER, "teacher")
    users.anonymous.http.headers["User-Agent"] = "a-browser/1 " * 50 + "x"
    exam = (await teacher.post("/exams", {"title": "Physics", "duration_minutes": 90})).json()
    async with engine.connect() as conn:
        row = (await conn.execute(select(AuditLog).where(AuditLog.action == "create_exam"))).one()
        source = (await conn.execute(select(AuditSource).where(AuditSource.audit_id == row.id))).one()
    assert row.actor_id == UUID(teacher.tokens["user"]["id"])
    assert (row.resource, row.resource_id) == ("exam", exam["exam_id"])
    assert (source.address, source.user_agent) == ("127.0.0.1", ("a-browser/1 " * 50)[:256])
    assert (row.ip, row.user_agent) == (make_pseudonym(settings.jwt_secret, "audit", "127.0.0.1"), None)
