"""Creates users from the terminal, and the first teacher of `veritas up` and `veritas demo`.

The password of that teacher is generated once and kept in a 0600 file of the data directory. PostgreSQL never stores
more than its hash.
"""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path

import bcrypt
import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, NotFound
from db.queries.accounts import users
from db.unit import change
from protocol.roles import Role
from protocol.text.names import InvalidText, read_name, read_username
from veritas.environment import data_dir
from veritas.errors import VeritasError
from veritas.private_file import keep

LOGIN_FILE = "login.json"
PASSWORD_BYTES = 72
"""bcrypt ignores everything after this length."""


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
    if len(login.password.encode()) > PASSWORD_BYTES:
        raise VeritasError(f"the password is too long: {PASSWORD_BYTES} bytes at most")
    hashed = await asyncio.to_thread(bcrypt.hashpw, login.password.encode(), bcrypt.gensalt(cost))
    try:
        async with engine.begin() as conn:
            await users.create_user(conn, username=username, name=name, role=role, password_hash=hashed.decode())
    except Conflict as error:
        raise VeritasError(str(error)) from error


async def set_active(engine: AsyncEngine, username: str, *, active: bool) -> None:
    """Activate or deactivate a user. Sockets of a deactivated user are closed within seconds. Raises VeritasError."""
    action = "activate" if active else "deactivate"
    try:
        async with change(engine, None) as unit:
            user_id = await users.set_active(unit.conn, username, active=active)
            unit.audit(actor_id=None, action=action, resource="user", resource_id=user_id, details={"by": "terminal"})
    except NotFound as error:
        raise VeritasError(str(error)) from error


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
