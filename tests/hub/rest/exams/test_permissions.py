import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog
from protocol.roles import Role
from tests.hub.conftest import Caller, Users


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "teacher")


@pytest.fixture
async def path(teacher: Caller) -> str:
    return f"/exams/{(await teacher.post('/exams', {'title': 'Physics', 'duration_minutes': 90})).json()['exam_id']}"


async def test_a_permission_is_valid_until_it_is_removed(
    users: Users, teacher: Caller, path: str, engine: AsyncEngine
) -> None:
    other = await users.make(Role.TEACHER, "other")
    granted = await teacher.put(f"{path}/permissions/Other", {"can_edit": True})
    assert granted.status_code == 200, granted.text
    assert granted.json() == {
        "teacher_id": other.tokens["user"]["id"],
        "username": "other",
        "name": "Other",
        "can_view": False,
        "can_edit": True,
        "can_invigilate": False,
        "can_review": False,
        "can_view_analytics": False,
    }
    assert (await teacher.get(f"{path}/permissions")).json() == {"items": [granted.json()], "next": None}
    assert (await other.get(path)).json()["permissions"] == ["can_edit"]
    assert (await other.post(f"{path}/publish")).status_code == 200
    assert (await teacher.delete(f"{path}/permissions/other")).status_code == 204
    assert (await other.get(path)).status_code == 404
    assert (await teacher.delete(f"{path}/permissions/other")).status_code == 404
    async with engine.connect() as conn:
        noted = await conn.execute(
            select(AuditLog.action, AuditLog.details).where(AuditLog.action.in_(["grant", "withdraw"]))
        )
    teacher_id = other.tokens["user"]["id"]
    assert [tuple(row) for row in noted] == [
        ("grant", {"teacher": teacher_id, "granted": "can_edit"}),
        ("withdraw", {"teacher": teacher_id}),
    ]


async def test_no_permission_allows_changing_permissions(users: Users, teacher: Caller, path: str) -> None:
    other = await users.make(Role.TEACHER, "other")
    third = await users.make(Role.TEACHER, "third")
    everything = dict.fromkeys(["can_view", "can_edit", "can_invigilate", "can_review", "can_view_analytics"], True)
    await teacher.put(f"{path}/permissions/other", everything)
    for caller, status in ((other, 403), (third, 404)):
        assert (await caller.get(f"{path}/permissions")).status_code == status
        assert (await caller.put(f"{path}/permissions/third", everything)).status_code == status
        assert (await caller.delete(f"{path}/permissions/other")).status_code == status


async def test_only_other_teachers_can_get_permissions(users: Users, teacher: Caller, path: str) -> None:
    await users.make(Role.STUDENT, "ada")
    for name, status in (("ada", 404), ("unknown", 404), ("teacher", 409), ("a%00", 400), ("x" * 65, 400)):
        assert (await teacher.put(f"{path}/permissions/{name}", {"can_view": True})).status_code == status, name
    assert (await teacher.put(f"{path}/permissions/ada", {"can_view": 3})).status_code == 400
