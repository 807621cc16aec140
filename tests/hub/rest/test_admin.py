from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, User
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Caller, Users

GRACE: dict[str, Any] = {"username": "Grace", "name": "Grace Hopper", "role": "teacher", "password": PASSWORD}


@pytest.fixture
async def admin(users: Users) -> Caller:
    return await users.make(Role.ADMIN, "root")


def me(caller: Caller) -> str:
    return str(caller.tokens["user"]["id"])


async def test_a_new_account_can_sign_in(admin: Caller, users: Users, engine: AsyncEngine) -> None:
    answer = await admin.post("/admin/users", GRACE | {"email": "Grace@school.example", "can_create_exams": False})
    assert answer.status_code == 201, answer.text
    account = answer.json()
    assert (account["username"], account["email"], account["role"]) == ("grace", "grace@school.example", "teacher")
    assert (account["is_active"], account["can_create_exams"], account["has_password"]) == (True, False, True)
    assert PASSWORD not in answer.text
    grace = await users.sign_in("grace")
    assert (await grace.post("/exams", {"title": "x", "duration_minutes": 1})).status_code == 403
    async with engine.connect() as conn:
        row = (await conn.execute(select(AuditLog).where(AuditLog.action == "make_account"))).one()
    assert (str(row.actor_id), row.resource_id, row.details) == (me(admin), account["user_id"], {"role": "teacher"})


async def test_an_invalid_account_is_rejected_by_its_path(admin: Caller) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"role": "service"}, "$.role"),
        ({"role": "king"}, "$.role"),
        ({"password": None}, "$.password"),
        ({"password": "short"}, "$.password"),
        ({"username": "a b"}, "$.username"),
        ({"email": "x"}, "$.email"),
    ]
    for change, path in cases:
        answer = await admin.post("/admin/users", GRACE | change)
        assert answer.status_code == 400, change
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert (await admin.post("/admin/users", GRACE)).status_code == 201
    assert (await admin.post("/admin/users", GRACE | {"username": "GRACE"})).status_code == 409
    assert (await admin.post("/admin/users", {"username": "ada", "name": "Ada", "role": "student"})).is_success


async def test_accounts_are_found_by_role_and_part_of_a_name(admin: Caller, users: Users) -> None:
    await admin.post("/admin/users", GRACE | {"email": "gh@navy.example"})
    for name in ("ada", "max_1", "maxx1"):
        await users.make(Role.STUDENT, name)

    def names(page: httpx.Response) -> list[str]:
        return [user["username"] for user in page.json()["items"]]

    assert names(await admin.get("/admin/users")) == ["ada", "grace", "max_1", "maxx1", "root"]
    assert names(await admin.get("/admin/users", role="student")) == ["ada", "max_1", "maxx1"]
    assert names(await admin.get("/admin/users", q="HOPP")) == ["grace"]
    assert names(await admin.get("/admin/users", q="@navy")) == ["grace"]
    assert names(await admin.get("/admin/users", q="x_")) == ["max_1"]
    assert names(await admin.get("/admin/users", q="%")) == []
    first = await admin.get("/admin/users", limit=3)
    assert names(await admin.get("/admin/users", limit=3, after=first.json()["next"])) == ["maxx1", "root"]
    for name, value in (("role", "king"), ("q", "a\0"), ("q", "x" * 201), ("after", "x")):
        answer = await admin.get("/admin/users", **{name: value})
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"query.{name}"]


async def test_a_deactivated_user_has_no_access_and_the_sessions_stay_ended(admin: Caller, users: Users) -> None:
    grace = await users.make(Role.TEACHER, "grace")
    path = f"/admin/users/{me(grace)}"
    assert not (await admin.patch(path, {"is_active": False})).json()["is_active"]
    assert (await grace.get("/exams")).status_code == 401
    assert (await users.anonymous.post("/auth/login", {"username": "grace", "password": PASSWORD})).status_code == 401
    assert (await admin.patch(path, {"is_active": True})).json()["is_active"]
    refresh = {"refresh_token": grace.tokens["refresh_token"]}
    assert (await users.anonymous.post("/auth/refresh", refresh)).status_code == 401
    assert (await grace.get("/exams")).status_code == 401
    await users.sign_in("grace")


async def test_only_the_given_fields_of_an_account_change(admin: Caller, users: Users, engine: AsyncEngine) -> None:
    grace = await users.make(Role.TEACHER, "grace")
    path = f"/admin/users/{me(grace)}"
    before = (await admin.patch(path, {})).json()
    named = (await admin.patch(path, {"name": "Grace H", "email": "G@x.example", "can_create_exams": False})).json()
    assert named == before | {"name": "Grace H", "email": "g@x.example", "can_create_exams": False}
    assert (await grace.get("/exams")).status_code == 200
    assert (await admin.patch(path, {"email": None})).json()["email"] is None
    await admin.patch(path, {"password": "another horse 8"})
    assert (await grace.get("/exams")).status_code == 401
    assert (await users.anonymous.post("/auth/login", {"username": "grace", "password": PASSWORD})).status_code == 401
    async with engine.connect() as conn:
        found = await conn.execute(
            select(AuditLog.details).where(AuditLog.action == "change_account").order_by(AuditLog.id)
        )
    assert list(found.scalars())[1:] == [
        {"changed": "can_create_exams email name"},
        {"changed": "email"},
        {"changed": "password"},
    ]


async def test_a_new_role_creates_its_profile(admin: Caller, users: Users) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    path = f"/admin/users/{me(ada)}"
    assert (await admin.patch(path, {"can_create_exams": True})).status_code == 409
    assert (await admin.patch(path, {"role": "teacher"})).json()["can_create_exams"]
    ada = await users.sign_in("ada")
    assert (await ada.post("/exams", {"title": "x", "duration_minutes": 1})).status_code == 201
    assert (await admin.patch(path, {"role": "service"})).status_code == 400


async def test_an_invalid_change_is_rejected(admin: Caller, users: Users) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    path = f"/admin/users/{me(ada)}"
    assert (await admin.patch(path, {"email": "nowhere"})).status_code == 400
    assert (await admin.patch(path, {"username": "eve"})).status_code == 400
    assert (await admin.patch(f"/admin/users/{uuid4()}", {"name": "Unknown"})).status_code == 404


async def test_administrators_cannot_remove_their_own_access(admin: Caller, users: Users) -> None:
    path = f"/admin/users/{me(admin)}"
    for change in ({"is_active": False}, {"role": "teacher"}):
        assert (await admin.patch(path, change)).status_code == 403
    assert (await admin.patch(path, {"name": "Root", "role": "admin", "is_active": True})).status_code == 200
    admin = await users.sign_in("root")
    other = await users.make(Role.ADMIN, "other")
    assert (await other.patch(path, {"role": "teacher"})).status_code == 200
    assert (await admin.get("/admin/users")).status_code == 401


async def test_the_log_is_filtered_and_paged_and_reading_it_is_audited(
    admin: Caller, users: Users, engine: AsyncEngine
) -> None:
    grace = await users.make(Role.TEACHER, "grace")
    exams = [(await grace.post("/exams", {"title": "x", "duration_minutes": 1})).json()["exam_id"] for _ in range(3)]
    page = (await admin.get("/admin/audit", actor="Grace", action="create_exam", limit=2)).json()
    assert [entry["resource_id"] for entry in page["items"]] == exams[:0:-1]
    entry = page["items"][0]
    assert (entry["actor_id"], entry["actor"], entry["actor_name"]) == (me(grace), "grace", "Grace")
    assert (entry["resource"], entry["ip"], len(entry["place"])) == ("exam", "127.0.0.1", 20)
    assert entry["at"] > 1_700_000_000_000
    rest = (await admin.get("/admin/audit", actor=me(grace), action="create_exam", after=page["next"])).json()
    assert [entry["resource_id"] for entry in rest["items"]] == exams[:1]
    found = (await admin.get("/admin/audit", resource="exam", resource_id=exams[1])).json()
    assert [entry["action"] for entry in found["items"]] == ["create_exam"]
    assert (await admin.get("/admin/audit", actor="unknown")).json()["items"] == []
    newest = (await admin.get("/admin/audit", limit=1)).json()["items"][0]
    assert (newest["action"], newest["details"]) == ("read_audit_log", {"by": "actor"})
    async with engine.connect() as conn:
        assert (await conn.execute(select(User.username).where(User.id == UUID(newest["actor_id"])))).scalar() == "root"
