from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, ServiceKey, User
from hub.auth.tickets import hash_secret
from protocol.roles import Role
from tests.hub.conftest import Caller, Users

NEW = {"name": "plagiarism-check", "scopes": ["analysis"]}


@pytest.fixture
async def admin(users: Users) -> Caller:
    return await users.make(Role.ADMIN, "root")


async def test_a_key_is_shown_once_and_stored_as_a_hash(admin: Caller, engine: AsyncEngine) -> None:
    answer = await admin.post("/admin/service-keys", NEW)
    assert answer.status_code == 201, answer.text
    given = answer.json()
    assert given["key"].startswith("vsk_")
    assert answer.headers["cache-control"] == "no-store"
    listed = await admin.get("/admin/service-keys")
    assert given["key"] not in listed.text
    (one,) = listed.json()["items"]
    assert (one["key_id"], one["name"], one["scopes"]) == (given["key_id"], NEW["name"], NEW["scopes"])
    assert (one["last_used_at"], one["revoked_at"]) == (None, None)
    async with engine.connect() as conn:
        stored = (await conn.execute(select(ServiceKey.hash))).scalar_one()
        details = (await conn.execute(select(AuditLog.details).where(AuditLog.action == "give_key"))).scalar_one()
    assert stored == hash_secret(given["key"])
    assert details == {"scopes": "analysis"}


async def test_keys_with_one_name_belong_to_one_program(admin: Caller, engine: AsyncEngine) -> None:
    for _ in range(2):
        await admin.post("/admin/service-keys", NEW)
    async with engine.connect() as conn:
        keys = (await conn.execute(select(ServiceKey.user_id))).scalars().all()
        programs = (await conn.execute(select(User.id, User.username).where(User.role == Role.SERVICE))).all()
    assert len(keys) == 2
    assert [(user_id, username) for user_id, username in programs] == [(keys[0], "service:plagiarism-check")]
    first = (await admin.get("/admin/service-keys", limit=1)).json()
    second = (await admin.get("/admin/service-keys", limit=1, after=first["next"])).json()
    assert first["items"][0]["created_at"] >= second["items"][0]["created_at"]
    assert second["next"] is None


async def test_a_revoked_key_stays_listed_and_is_revoked_once(admin: Caller) -> None:
    given = (await admin.post("/admin/service-keys", NEW)).json()
    path = f"/admin/service-keys/{given['key_id']}"
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.delete(path)).status_code == 404
    (one,) = (await admin.get("/admin/service-keys")).json()["items"]
    assert one["revoked_at"] > 1_700_000_000_000


async def test_a_switched_off_program_gets_no_key(admin: Caller, engine: AsyncEngine) -> None:
    given = (await admin.post("/admin/service-keys", NEW)).json()
    async with engine.begin() as conn:
        await conn.execute(update(User).where(User.role == Role.SERVICE).values(is_active=False))
    assert (await admin.post("/admin/service-keys", NEW)).status_code == 409
    assert UUID(given["key_id"])


async def test_an_invalid_key_is_rejected_by_its_path(admin: Caller) -> None:
    for change, path in (
        ({"name": "Big"}, "$.name"),
        ({"name": ""}, "$.name"),
        ({"scopes": []}, "$.scopes"),
        ({"scopes": ["everything"]}, "$.scopes[0]"),
    ):
        answer = await admin.post("/admin/service-keys", NEW | change)
        assert answer.status_code == 400, change
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]
