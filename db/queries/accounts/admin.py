"""Accounts as administrators see and change them.

The same transaction checks the administrator who changes an account: administrators cannot lock themselves out, nor two
of them each other. Never deletes an account, because its actions belong to it.
"""

from collections.abc import Mapping
from typing import Any, Final
from unicodedata import normalize
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import Conflict, Forbidden, NotFound
from db.models import SessionEnd, TeacherProfile, User
from db.queries.accounts import users
from protocol.roles import Origin, Role
from protocol.text.names import canonical_username


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One account; times in ms since the epoch. A user without a password can sign in only with exam codes."""

    user_id: UUID
    username: str
    name: str
    email: str | None
    role: Role
    is_active: bool
    can_create_exams: bool
    has_password: bool
    origin: Origin
    last_login: int | None
    created_at: int


_VIEW: Final = (
    select(
        User.id,
        User.username,
        User.full_name,
        User.email,
        User.role,
        User.is_active,
        ((User.role == Role.ADMIN) | func.coalesce(TeacherProfile.can_create_exams, False)).label("can_create_exams"),
        User.password_hash.is_not(None).label("has_password"),
        User.origin,
        User.last_login,
        User.created_at,
    )
    # A profile is kept when the role changes, so it counts only for teachers.
    .join(TeacherProfile, (TeacherProfile.user_id == User.id) & (User.role == Role.TEACHER), isouter=True)
)

_SEARCHED: Final = (User.full_name, User.email)


async def list_accounts(
    conn: AsyncConnection,
    *,
    role: Role | None = None,
    like: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[AccountView]:
    """List accounts by username, after `after`. `like` is part of a username, a name or an e-mail address."""
    conditions = [true() if role is None else User.role == role, true() if after is None else User.username > after]
    if like is not None:
        named = User.username.contains(canonical_username(like), autoescape=True)
        conditions.append(
            or_(named, *(column.icontains(normalize("NFC", like), autoescape=True) for column in _SEARCHED))
        )
    found = await conn.execute(_VIEW.where(*conditions).order_by(User.username).limit(limit))
    return [_view(row) for row in found]


async def read_account(conn: AsyncConnection, user_id: UUID) -> AccountView:
    """Read one account. Raises NotFound."""
    row = (await conn.execute(_VIEW.where(User.id == user_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no account {user_id}.")
    return _view(row)


async def lock_account(conn: AsyncConnection, user_id: UUID, actor_id: UUID) -> AccountView:
    """Lock the account to change, and the accounts of all administrators, until COMMIT.

    Raises NotFound, Forbidden when the actor is no longer an administrator, and Conflict for the account of a service
    or of an erased person.
    """
    locked = await conn.execute(
        select(User.id, User.role, User.is_active, User.erased_at)
        .where(or_(User.id == user_id, (User.role == Role.ADMIN) & User.is_active))
        .order_by(User.id)
        .with_for_update(key_share=True)
    )
    rows = locked.all()
    admins = {row.id for row in rows if row.role == Role.ADMIN and row.is_active}
    if actor_id not in admins:
        raise Forbidden("Only administrators can do this.")
    account = await read_account(conn, user_id)
    if account.role is Role.SERVICE:
        raise Conflict("This account belongs to a program. Create or revoke its service keys instead.")
    if any(row.id == user_id and row.erased_at is not None for row in rows):
        raise Conflict("This person was erased, which cannot be undone. Create a new account instead.")
    return account


async def change_account(conn: AsyncConnection, account: AccountView, values: Mapping[str, Any]) -> None:
    """Change columns of a locked account. A self-made account with a new password counts as made by staff."""
    if "password_hash" in values:
        # Only the user to whom the administrator gives it knows this password.
        values = {**values, "origin": Origin.STAFF}
    if values:
        await conn.execute(update(User).where(User.id == account.user_id).values(**values))
    if "role" in values:
        await users.add_profile(conn, Role(values["role"]), account.user_id)
    # After a deactivation, or with a new password or role, the user must sign in again.
    if values.keys() & {"role", "password_hash"} or values.get("is_active") is False:
        await users.end_sessions(conn, account.user_id, SessionEnd.ACCOUNT_CHANGED)


async def set_create_exams(conn: AsyncConnection, user_id: UUID, *, may: bool) -> None:
    """Set whether a teacher may create exams. Raises Conflict when the account is not a teacher."""
    changed = await conn.execute(
        update(TeacherProfile)
        .where(TeacherProfile.user_id == User.id, User.id == user_id, User.role == Role.TEACHER)
        .values(can_create_exams=may)
        .returning(TeacherProfile.user_id)
    )
    if changed.one_or_none() is None:
        raise Conflict("Only teachers can have the right to create exams.")


def _view(row: Any) -> AccountView:
    return AccountView(
        user_id=row.id,
        username=row.username,
        name=row.full_name,
        email=row.email,
        role=Role(row.role),
        is_active=row.is_active,
        can_create_exams=row.can_create_exams,
        has_password=row.has_password,
        origin=Origin(row.origin),
        last_login=None if row.last_login is None else to_ms(row.last_login),
        created_at=to_ms(row.created_at),
    )
