"""Creates users from the terminal, and the first teacher of `veritas up` and `veritas demo`.

The password of that teacher is generated once and kept in a 0600 file of the data directory. PostgreSQL never stores
more than its hash.
"""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, NotFound, RequestError
from db.models import SessionEnd
from db.queries.accounts import second_factors, users
from db.queries.accounts.users import SignIn
from db.queries.retention import removal
from db.retention.deletion import erase_person
from db.unit import Unit, change
from hub.auth.password_rules import find_fault
from hub.auth.passwords import hash_password
from protocol.roles import Role
from protocol.text.names import InvalidText, read_name, read_username
from veritas.environment import data_dir
from veritas.errors import VeritasError
from veritas.private_file import keep

LOGIN_FILE = "login.json"


class PasswordLogin(msgspec.Struct, frozen=True):
    """Username and password."""

    username: str
    password: str


async def create_account(engine: AsyncEngine, role: Role, name: str, login: PasswordLogin, *, cost: int = 12) -> None:
    """Create a user who signs in with a password.

    Raises VeritasError if the username is taken, or a value is not valid.
    """
    try:
        username, name = read_username(login.username), read_name(name)
    except InvalidText as error:
        raise VeritasError(f"the username or the name is not valid: it {error}") from error
    hashed = await _hash(login.password, username, cost)
    try:
        async with engine.begin() as conn:
            await users.create_user(conn, username=username, name=name, role=role, password_hash=hashed)
    except Conflict as error:
        raise VeritasError(str(error)) from error


async def set_password(engine: AsyncEngine, login: PasswordLogin, *, cost: int = 12) -> None:
    """Give a user a new password; all sessions of the user end. Raises VeritasError."""
    hashed = await _hash(login.password, login.username, cost)
    async with change(engine, None) as unit:
        found = await _find(unit.conn, login.username)
        await users.set_password(unit.conn, found.account.user_id, found.password_hash, hashed)
        await users.end_sessions(unit.conn, found.account.user_id, SessionEnd.NEW_PASSWORD)
        _audit(unit, "set_password", found.account.user_id)


async def reset_totp(engine: AsyncEngine, username: str) -> None:
    """Remove the second factor of a user who lost it; all sessions of the user end. Raises VeritasError."""
    async with change(engine, None) as unit:
        found = await _find(unit.conn, username)
        if not await second_factors.remove(unit.conn, found.account.user_id):
            raise VeritasError(f"{username} has no second factor")
        await users.end_sessions(unit.conn, found.account.user_id, SessionEnd.SECOND_FACTOR_CHANGED)
        _audit(unit, "reset_totp", found.account.user_id)


async def set_active(engine: AsyncEngine, username: str, *, active: bool) -> None:
    """Activate or deactivate a user. Sockets of a deactivated user are closed within seconds. Raises VeritasError."""
    action = "activate" if active else "deactivate"
    try:
        async with change(engine, None) as unit:
            user_id = await users.set_active(unit.conn, username, active=active)
            _audit(unit, action, user_id)
    except NotFound as error:
        raise VeritasError(str(error)) from error


async def erase(engine: AsyncEngine, username: str, *, is_forced: bool) -> int:
    """Delete everything about a student or teacher; return the number of attempts of which only marks are left.

    Raises VeritasError.
    """
    try:
        async with change(engine, None) as unit:
            user_id = await users.find_user_id(unit.conn, username)
            await removal.begin_erasure(unit.conn, user_id, is_forced=is_forced)
            details = {"by": "terminal", "force": str(is_forced)}
            unit.audit(actor_id=None, action="erase", resource="user", resource_id=user_id, details=details)
    except RequestError as error:
        raise VeritasError(str(error)) from error
    return await erase_person(engine, user_id)


async def first_login(engine: AsyncEngine, environ: Mapping[str, str]) -> PasswordLogin:
    """Return the first teacher's login of this data directory; create the user if missing.

    The file is written first, so that the next start completes one that was killed in between.
    """
    path = data_dir(environ) / LOGIN_FILE
    login = _read(path)
    if login is None:
        login = PasswordLogin(await _free_name(engine), secrets.token_urlsafe(9))
        keep(path, msgspec.json.encode(login))
    if not await _has_account(engine, login.username):
        await create_account(engine, Role.TEACHER, "First Teacher", login)
    return login


async def _hash(password: str, username: str, cost: int) -> str:
    fault = find_fault(password, username)
    if fault is not None:
        raise VeritasError(f"the password {fault}")
    return await asyncio.to_thread(hash_password, password, cost)


async def _find(conn: AsyncConnection, username: str) -> SignIn:
    found = await users.find_sign_in(conn, username)
    if found is None:
        raise VeritasError(f"there is no active user {username}")
    return found


def _audit(unit: Unit, action: str, user_id: UUID) -> None:
    unit.audit(actor_id=None, action=action, resource="user", resource_id=user_id, details={"by": "terminal"})


async def _free_name(engine: AsyncEngine) -> str:
    return f"teacher-{secrets.token_hex(2)}" if await _has_account(engine, "teacher") else "teacher"


async def _has_account(engine: AsyncEngine, username: str) -> bool:
    async with engine.connect() as conn:
        return await users.find_sign_in(conn, username) is not None


def _read(path: Path) -> PasswordLogin | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PasswordLogin)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
