from uuid import uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, NotFound
from db.models import ServiceKey, User
from db.queries.accounts import service_keys
from protocol.roles import Role, Scope


async def test_a_key_finds_its_service_and_its_use_is_recorded_once_a_minute(conn: AsyncConnection) -> None:
    view = await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"one")
    program = await service_keys.find_program(conn, b"one")
    assert program is not None
    assert (program.key_id, program.name, program.scopes) == (view.key_id, "checker", frozenset({Scope.ANALYSIS}))
    before = (await conn.execute(text("SELECT ctid, last_used_at FROM service_keys"))).one()
    assert before.last_used_at is not None
    await service_keys.find_program(conn, b"one")
    assert (await conn.execute(text("SELECT ctid, last_used_at FROM service_keys"))).one() == before
    assert await service_keys.find_program(conn, b"another") is None


async def test_a_scope_of_a_later_version_opens_nothing(conn: AsyncConnection) -> None:
    await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"one")
    await conn.execute(update(ServiceKey).values(scopes=["everything"]))
    program = await service_keys.find_program(conn, b"one")
    assert program is not None
    assert program.scopes == frozenset()


async def test_keys_of_one_name_share_an_account_and_are_revoked_separately(conn: AsyncConnection) -> None:
    older = await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"one")
    newer = await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"two")
    await service_keys.revoke_key(conn, older.key_id)
    with pytest.raises(NotFound):
        await service_keys.revoke_key(conn, older.key_id)
    assert await service_keys.find_program(conn, b"one") is None
    assert await service_keys.find_program(conn, b"two") is not None
    listed = await service_keys.list_keys(conn)
    assert [(key.key_id, key.revoked_at is None) for key in listed] == [(newer.key_id, True), (older.key_id, False)]
    assert await service_keys.list_keys(conn, after=newer.key_id) == [listed[1]]
    with pytest.raises(NotFound):
        await service_keys.revoke_key(conn, uuid4())


async def test_keys_of_a_deactivated_service_are_refused(conn: AsyncConnection) -> None:
    await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"one")
    await conn.execute(update(User).where(User.role == Role.SERVICE).values(is_active=False))
    assert await service_keys.find_program(conn, b"one") is None
    with pytest.raises(Conflict):
        await service_keys.create_key(conn, "checker", [Scope.ANALYSIS], b"two")
