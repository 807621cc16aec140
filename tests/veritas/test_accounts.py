from pathlib import Path

import bcrypt
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog
from db.queries.accounts import users
from protocol.roles import Role
from veritas.accounts import PasswordLogin, create_account, first_login, set_active
from veritas.errors import VeritasError

ADA = PasswordLogin("ada", "a password")


async def test_an_account_signs_in_with_its_password(engine: AsyncEngine) -> None:
    await create_account(engine, Role.TEACHER, "Ada", ADA, cost=4)
    async with engine.connect() as conn:
        found = await users.find_sign_in(conn, "ada")
    assert found is not None
    assert found.account.role is Role.TEACHER
    assert found.password_hash is not None
    assert bcrypt.checkpw(b"a password", found.password_hash.encode())


async def test_a_taken_username_is_refused(engine: AsyncEngine) -> None:
    await create_account(engine, Role.TEACHER, "Ada", ADA, cost=4)
    with pytest.raises(VeritasError):
        await create_account(engine, Role.ADMIN, "Another", ADA, cost=4)


async def test_a_password_bcrypt_would_cut_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(VeritasError, match="72 bytes"):
        await create_account(engine, Role.TEACHER, "Ada", PasswordLogin("ada", "é" * 37), cost=4)


async def test_the_first_login_is_made_once_and_only_its_owner_may_read_it(engine: AsyncEngine, tmp_path: Path) -> None:
    environ = {"VERITAS_DATA_DIR": str(tmp_path)}
    first, again = await first_login(engine, environ), await first_login(engine, environ)
    assert first == again
    assert (tmp_path / "login.json").stat().st_mode & 0o777 == 0o600


async def test_a_start_that_was_killed_before_the_account_is_finished_by_the_next(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    (tmp_path / "login.json").write_text('{"username": "teacher", "password": "kept before the kill"}')
    login = await first_login(engine, {"VERITAS_DATA_DIR": str(tmp_path)})
    assert login.password == "kept before the kill"
    async with engine.connect() as conn:
        assert await users.find_sign_in(conn, "teacher") is not None


async def test_the_name_of_another_user_is_not_used(engine: AsyncEngine, tmp_path: Path) -> None:
    await create_account(engine, Role.TEACHER, "Another", PasswordLogin("teacher", "a password"), cost=4)
    login = await first_login(engine, {"VERITAS_DATA_DIR": str(tmp_path)})
    assert login.username.startswith("teacher-")


async def test_a_login_that_cannot_be_read_is_created_again(engine: AsyncEngine, tmp_path: Path) -> None:
    (tmp_path / "login.json").write_text("")
    assert (await first_login(engine, {"VERITAS_DATA_DIR": str(tmp_path)})).username == "teacher"


async def test_a_deactivated_account_signs_in_no_more_until_it_is_activated(engine: AsyncEngine) -> None:
    await create_account(engine, Role.TEACHER, "Ada", ADA, cost=4)
    known = []
    for active in (False, True):
        await set_active(engine, "Ada", active=active)
        async with engine.connect() as conn:
            known.append(await users.find_sign_in(conn, "ada") is not None)
            trail = (await conn.execute(select(AuditLog.action).order_by(AuditLog.id))).scalars().all()
    assert known == [False, True]
    assert trail == ["deactivate", "activate"]


async def test_an_unknown_account_cannot_be_deactivated(engine: AsyncEngine) -> None:
    with pytest.raises(VeritasError, match="no account ada"):
        await set_active(engine, "ada", active=False)


@pytest.mark.parametrize(("username", "name"), [("a b", "Ada"), ("ada", "\u200b"), ("ada", "Ada\u202e")])
async def test_a_username_or_name_that_rest_refuses_is_refused_here_too(
    engine: AsyncEngine, username: str, name: str
) -> None:
    with pytest.raises(VeritasError, match="not valid"):
        await create_account(engine, Role.TEACHER, name, PasswordLogin(username, "a password"), cost=4)
