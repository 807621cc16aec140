"""Users: create accounts, and find them for a sign-in.

Usernames are stored and searched in their canonical form (`protocol.text.names`), e-mail addresses in lower case.
Never sees a password, only its hash.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.errors import Conflict, NotFound
from db.models import SecondFactor, SessionEnd, StudentProfile, TeacherProfile, User, UserSession, WsTicket
from protocol.roles import Origin, Role
from protocol.text.names import canonical_username

REGISTRATION_LOCK: Final = 0x5245_4749
"""Keeps the advisory locks of registrations apart from others."""


class Account(msgspec.Struct, frozen=True):
    """The identity of a user."""

    user_id: UUID
    username: str
    name: str
    role: Role


class SignIn(msgspec.Struct, frozen=True):
    """An account for a password check. One without a hash has no password."""

    account: Account
    password_hash: str | None
    has_second_factor: bool = False


async def create_user(
    conn: AsyncConnection,
    *,
    username: str,
    name: str,
    role: Role,
    email: str | None = None,
    password_hash: str | None = None,
    origin: Origin = Origin.STAFF,
) -> Account:
    """Create an account with its profile. Raises Conflict when the username is taken."""
    account = Account(uuid7(), canonical_username(username), name, role)
    created = await conn.execute(
        postgresql.insert(User)
        .values(
            id=account.user_id,
            username=account.username,
            full_name=name,
            role=role,
            email=None if email is None else email.lower(),
            password_hash=password_hash,
            origin=origin,
        )
        .on_conflict_do_nothing()
        .returning(User.id)
    )
    if created.one_or_none() is None:
        raise Conflict("Another account already has this username.")
    await add_profile(conn, role, account.user_id)
    return account


async def find_sign_in(conn: AsyncConnection, username: str) -> SignIn | None:
    """Find the active account with this username."""
    return await _find_sign_in(conn, User.username == canonical_username(username))


async def read_sign_in(conn: AsyncConnection, user_id: UUID) -> SignIn:
    """Read an active account for a password check. Raises NotFound."""
    found = await _find_sign_in(conn, User.id == user_id)
    if found is None:
        raise NotFound("There is no such account.")
    return found


async def _find_sign_in(conn: AsyncConnection, condition: ColumnElement[bool]) -> SignIn | None:
    found = await conn.execute(
        select(
            User.id,
            User.username,
            User.full_name,
            User.role,
            User.password_hash,
            has_second_factor().label("has_second_factor"),
        ).where(condition, User.is_active)
    )
    row = found.one_or_none()
    if row is None:
        return None
    account = Account(row.id, row.username, row.full_name, Role(row.role))
    return SignIn(account, row.password_hash, row.has_second_factor)


async def lock_sign_in(conn: AsyncConnection, user_id: UUID, password_hash: str | None) -> bool:
    """Return whether the account is active and still has this hash, and keep it so until COMMIT.

    A new password, or a roster that takes the account over, waits, and then ends the session too.
    """
    held = await conn.execute(
        select(User.id)
        .where(User.id == user_id, User.password_hash == password_hash, User.is_active)
        .with_for_update(key_share=True)
    )
    return held.one_or_none() is not None


def has_second_factor() -> ColumnElement[bool]:
    """The condition that a user has confirmed a second factor, so that signing in by password needs its code."""
    return exists().where(SecondFactor.user_id == User.id, SecondFactor.confirmed_at.is_not(None))


async def upgrade_hash(conn: AsyncConnection, user_id: UUID, old: str, new: str) -> None:
    """Replace the hash of a password by a newer kind of hash, unless the password has changed meanwhile."""
    await conn.execute(update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new))


async def set_password(conn: AsyncConnection, user_id: UUID, old: str | None, new: str) -> None:
    """Replace the hash of a password by that of a new password. Raises Conflict when it has changed meanwhile."""
    changed = await conn.execute(
        update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new).returning(User.id)
    )
    if changed.one_or_none() is None:
        raise Conflict("Your password has changed meanwhile. Try again with the new one.")


async def find_user_id(conn: AsyncConnection, username: str) -> UUID:
    """Find an account by its username, also a deactivated one. Raises NotFound."""
    found = await conn.execute(select(User.id).where(User.username == canonical_username(username)))
    user_id: UUID | None = found.scalar_one_or_none()
    if user_id is None:
        raise NotFound(f"There is no user {username}.")
    return user_id


async def set_active(conn: AsyncConnection, username: str, *, active: bool) -> UUID:
    """Activate or deactivate an account. A deactivation ends its sessions for good.

    Raises NotFound, also for an erased person.
    """
    changed = await conn.execute(
        update(User)
        .where(User.username == canonical_username(username), User.erased_at.is_(None))
        .values(is_active=active)
        .returning(User.id)
    )
    user_id: UUID | None = changed.scalar_one_or_none()
    if user_id is None:
        raise NotFound(f"There is no account {username}.")
    if not active:
        await end_sessions(conn, user_id, SessionEnd.ACCOUNT_CHANGED)
    return user_id


async def end_sessions(conn: AsyncConnection, user_id: UUID, reason: SessionEnd) -> None:
    """End every session of a user, and delete the user's unused tickets."""
    await conn.execute(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
        .values(ended_at=func.now(), end_reason=reason)
    )
    await conn.execute(delete(WsTicket).where(WsTicket.user_id == user_id))


async def count_registrations(conn: AsyncConnection, ip: str) -> int:
    """Count the accounts that users of this address made in the last hour. Others wait until COMMIT."""
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(ip, REGISTRATION_LOCK))))
    found = await conn.execute(
        select(func.count()).where(
            User.origin == Origin.SELF, User.last_login_ip == ip, User.created_at > func.now() - timedelta(hours=1)
        )
    )
    return int(found.scalar_one())


async def record_login(conn: AsyncConnection, user_id: UUID, ip: str | None) -> None:
    """Record time and address of the user's last sign-in."""
    await conn.execute(update(User).where(User.id == user_id).values(last_login=func.now(), last_login_ip=ip))


async def may_create_exams(conn: AsyncConnection, user_id: UUID) -> bool:
    """Return whether this active user is an administrator, or a teacher with this right."""
    found = await conn.execute(
        select((User.role == Role.ADMIN) | func.coalesce(TeacherProfile.can_create_exams, False))
        .join(TeacherProfile, TeacherProfile.user_id == User.id, isouter=True)
        .where(User.id == user_id, User.is_active)
    )
    return bool(found.scalar_one_or_none())


async def add_profile(conn: AsyncConnection, role: Role, user_id: UUID) -> None:
    """Add the profile of a role, if the role has one and the user does not."""
    profile = {Role.STUDENT: StudentProfile, Role.TEACHER: TeacherProfile}.get(role)
    if profile is not None:
        await conn.execute(postgresql.insert(profile).values(user_id=user_id).on_conflict_do_nothing())
