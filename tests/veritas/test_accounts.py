from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog
from db.queries.accounts import credentials, second_factors, users
from hub.auth.passwords import Passwords
from protocol.roles import Role
from veritas.accounts import PasswordLogin, create_account, first_login, reset_totp, set_active, set_password
from veritas.errors import VeritasError

ADA = PasswordLogin("ada", "correct horse 7")


async def test_an_account_signs_in_with_its_password(engine: AsyncEngine) -> None:
    await create_account(engine, Role.TEACHER, "Ada", ADA, cost=4)
    async with engine.connect() as conn:
        found = await users.find_sign_in(conn, "ada")
    assert found is not None
    assert found.account.role is Role.TEACHER
    assert found.password_hash is not None
    passwords = Passwords(4)
    assert (await passwords.verify("correct horse 7", found.password_hash)).is_right
    passwords.close()


async def test_a_taken_username_is_refused(engine: AsyncEngine) -> None:
    await create_account(engine, Role.TEACHER, "Ada", ADA, cost=4)
    with pytest.raises(VeritasError):
        await create_account(engine, Role.ADMIN, "Another", ADA, cost=4)


@pytest.mark.parametrize("password", ["", "x", "password1", "ada lovelace", "x1y2" * 65])
async def test_a_weak_password_is_refused(engine: AsyncEngine, password: str) -> None:
    with pytest.raises(VeritasError, match="the password "):
        await create_account(engine, Role.TEACHER, "Ada", PasswordLogin("ada", password), cost=4)


async def test_an_empty_name_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(VeritasError):
        await create_account(engine, Role.TEACHER, " ", ADA, cost=4)


async def test_a_new_password_ends_all_sessions(engine: AsyncEngine) -> None:
    await create_account(engine, Role.TEACHER, "Ada", ADA, cost=4)
    before = await _open_session(engine)
    await set_password(engine, PasswordLogin("ada", "another horse 8"), cost=4)
    async with engine.connect() as conn:
        found = await users.find_sign_in(conn, "ada")
        assert await credentials.read_session(conn, before) is None
    passwords = Passwords(4)
    assert found is not None
    assert (await passwords.verify("another horse 8", found.password_hash)).is_right
    passwords.close()


async def test_a_lost_second_factor_is_reset_and_ends_all_sessions(engine: AsyncEngine) -> None:
    await create_account(engine, Role.ADMIN, "Ada", ADA, cost=4)
    with pytest.raises(VeritasError, match="no second factor"):
        await reset_totp(engine, "ada")
    before = await _open_session(engine)
    async with engine.begin() as conn:
        found = await users.find_sign_in(conn, "ada")
        assert found is not None
        await second_factors.start_enrollment(conn, found.account.user_id, b"sealed")
        await second_factors.confirm(conn, found.account.user_id, 1, [b"code"])
    await reset_totp(engine, "ada")
    async with engine.connect() as conn:
        found = await users.find_sign_in(conn, "ada")
        assert found is not None
        assert not found.has_second_factor
        assert await credentials.read_session(conn, before) is None
        rows = (await conn.execute(select(AuditLog.action))).scalars().all()
    assert rows == ["reset_totp"]


async def test_an_unknown_user_has_no_password_to_set(engine: AsyncEngine) -> None:
    with pytest.raises(VeritasError, match="no active user"):
        await set_password(engine, ADA, cost=4)


async def _open_session(engine: AsyncEngine) -> UUID:
    session = uuid4()
    async with engine.begin() as conn:
        found = await users.find_sign_in(conn, "ada")
        assert found is not None
        await credentials.open_session(conn, session=session, user_id=found.account.user_id, token_hash=b"token")
    return session


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
