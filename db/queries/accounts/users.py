"""Users: create accounts, and find them for a sign-in.

Usernames are stored and searched in their canonical form (`protocol.text.names`), e-mail addresses in lower case.
Never sees a password, only its hash.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.errors import AlreadyTaken, Conflict, NotFound
from db.models import SecondFactor, SessionEnd, StudentProfile, TeacherProfile, User, UserSession, WsTicket
from protocol.roles import Role
from protocol.text.names import canonical_username


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


class NewStudent(msgspec.Struct, frozen=True):
    """A student who needs an account. It has no password, so the student signs in with exam codes."""

    username: str
    name: str
    email: str | None = None
    enrollment_id: str | None = None
    cohort: str | None = None


async def create_user(
    conn: AsyncConnection,
    *,
    username: str,
    name: str,
    role: Role,
    email: str | None = None,
    password_hash: str | None = None,
) -> Account:
    """Create an account with its profile. Raises Conflict when the username or the e-mail address is taken."""
    account = Account(uuid7(), canonical_username(username), name, role)
    created = await conn.execute(
        postgresql.insert(User)
        .values(
            id=account.user_id,
            username=account.username,
            full_name=name,
            role=role,
            email=_lower(email),
            password_hash=password_hash,
        )
        .on_conflict_do_nothing()
        .returning(User.id)
    )
    if created.one_or_none() is None:
        raise Conflict("Another account already has this username or e-mail address.")
    await add_profile(conn, role, account.user_id)
    return account


async def find_sign_in(conn: AsyncConnection, username: str) -> SignIn | None:
    """Find the active account with this username."""
    found = await conn.execute(
        select(
            User.id,
            User.username,
            User.full_name,
            User.role,
            User.password_hash,
            has_second_factor().label("has_second_factor"),
        ).where(User.username == canonical_username(username), User.is_active)
    )
    row = found.one_or_none()
    if row is None:
        return None
    account = Account(row.id, row.username, row.full_name, Role(row.role))
    return SignIn(account, row.password_hash, row.has_second_factor)


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


async def set_active(conn: AsyncConnection, username: str, *, active: bool) -> UUID:
    """Activate or deactivate an account. A deactivation ends its sessions for good. Raises NotFound."""
    changed = await conn.execute(
        update(User).where(User.username == canonical_username(username)).values(is_active=active).returning(User.id)
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


async def ensure_students(conn: AsyncConnection, students: Sequence[NewStudent]) -> list[Account]:
    """Return the accounts of the students in the given order; create missing ones, leave existing ones as they are.

    Raises AlreadyTaken with every username that belongs to another kind of account or an inactive one, or whose e-mail
    address or enrollment id belongs to another account. The usernames must differ from each other.
    """
    if not students:
        return []
    # The same order everywhere, so that two rosters with common students cannot deadlock.
    ordered = sorted(students, key=lambda student: canonical_username(student.username))
    created = await conn.execute(
        postgresql.insert(User).on_conflict_do_nothing().returning(User.id, User.username),
        [
            {
                "id": uuid7(),
                "username": canonical_username(student.username),
                "full_name": student.name,
                "role": Role.STUDENT,
                "email": _lower(student.email),
            }
            for student in ordered
        ],
    )
    new: dict[str, UUID] = {row.username: row.id for row in created}
    made = [(new[name], student) for student in ordered if (name := canonical_username(student.username)) in new]
    taken = await _add_student_profiles(conn, made)
    known = await _find_students(conn, [canonical_username(student.username) for student in students])
    missing = [
        canonical_username(student.username)
        for student in students
        if canonical_username(student.username) not in known
    ]
    if missing or taken:
        others = (await conn.execute(select(User.username).where(User.username.in_(missing)))).scalars().all()
        taken_columns = {name: "username" if name in others else "email" for name in missing}
        taken_columns |= dict.fromkeys(taken, "enrollment_id")
        names = [student.username for student in students]
        raise AlreadyTaken(
            [(name, taken_columns[key]) for name in names if (key := canonical_username(name)) in taken_columns]
        )
    return [known[canonical_username(student.username)] for student in students]


async def _add_student_profiles(conn: AsyncConnection, students: Sequence[tuple[UUID, NewStudent]]) -> set[str]:
    """Add profiles of new students; return the usernames whose enrollment id is taken."""
    if not students:
        return set()
    added = await conn.execute(
        postgresql.insert(StudentProfile).on_conflict_do_nothing().returning(StudentProfile.user_id),
        [
            {"user_id": user_id, "enrollment_id": student.enrollment_id, "cohort": student.cohort}
            for user_id, student in students
        ],
    )
    done = set(added.scalars())
    return {canonical_username(student.username) for user_id, student in students if user_id not in done}


async def _find_students(conn: AsyncConnection, usernames: Sequence[str]) -> dict[str, Account]:
    found = await conn.execute(
        select(User.id, User.username, User.full_name).where(
            User.username.in_(usernames), User.role == Role.STUDENT, User.is_active
        )
    )
    return {row.username: Account(row.id, row.username, row.full_name, Role.STUDENT) for row in found}


async def add_profile(conn: AsyncConnection, role: Role, user_id: UUID) -> None:
    """Add the profile of a role, if the role has one and the user does not."""
    profile = {Role.STUDENT: StudentProfile, Role.TEACHER: TeacherProfile}.get(role)
    if profile is not None:
        await conn.execute(postgresql.insert(profile).values(user_id=user_id).on_conflict_do_nothing())


def _lower(email: str | None) -> str | None:
    return None if email is None else email.lower()
