"""Candidates: find or create the accounts of a roster, and take over those that their users made themselves.

A username alone proves nothing: an account that its user registered is never put on a roster before the teacher
confirmed it, and then its password and sessions end. Never tells why another account cannot be on a roster.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, delete, exists, false, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.models import Exam, RecoveryCode, SecondFactor, SessionEnd, StudentProfile, TeacherExamPermission, User
from db.queries.accounts import users
from protocol.roles import Origin, Role
from protocol.text.names import canonical_username

BARRED: Final = "cannot be on the roster of this exam: use another username"
ID_TAKEN: Final = "already used by another account"
ID_UNKNOWN: Final = "no account has this enrollment id: add a username"
TWICE: Final = "the same student twice"


class RosterStudent(msgspec.Struct, frozen=True, kw_only=True):
    """One student of a roster, as the roster says. Without a username, the enrollment id names an existing account.

    If no account has the username, one is created. It has no password, so the student signs in with exam codes.
    """

    username: str = ""
    name: str
    email: str | None = None
    enrollment_id: str | None = None
    cohort: str | None = None


class RefusedStudent(msgspec.Struct, frozen=True):
    """A candidate who cannot be added: the index in the roster, the column, and the reason."""

    index: int
    column: str
    message: str


class SelfMade(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate whose username belongs to an account that its user made.

    `name` is the roster's; `registered_name` is what that user typed.
    """

    index: int
    username: str
    name: str
    registered_name: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts of a roster, in its order: None for those that do not exist yet, and what prevents adding them."""

    user_ids: list[UUID | None]
    usernames: list[str]
    refusals: list[RefusedStudent]
    self_made: list[SelfMade]


async def find_accounts(
    conn: AsyncConnection, exam_id: UUID, candidates: Sequence[RosterStudent], *, lock: bool = False
) -> Found:
    """Find the accounts of the candidates of an exam. Changes nothing. With `lock` none is erased until COMMIT."""
    by_number = await _find_usernames(conn, candidates)
    usernames = [
        canonical_username(one.username) if one.username else by_number.get(one.enrollment_id or "", "")
        for one in candidates
    ]
    known = await _read_accounts(conn, exam_id, usernames, lock=lock)
    owners = await _find_owners(conn, candidates)
    refusals: list[RefusedStudent] = []
    self_made: list[SelfMade] = []
    seen: set[str] = set()
    for index, (one, username) in enumerate(zip(candidates, usernames, strict=True)):
        account = known.get(username)
        refusals += _refuse(index, one, username, account, owners, seen)
        seen.add(username)
        if account is not None and account.origin == Origin.SELF:
            self_made.append(SelfMade(index=index, username=username, name=one.name, registered_name=account.full_name))
    return Found(
        user_ids=[None if (account := known.get(username)) is None else account.id for username in usernames],
        usernames=usernames,
        refusals=refusals,
        self_made=self_made,
    )


async def ensure_accounts(
    conn: AsyncConnection, exam_id: UUID, candidates: Sequence[RosterStudent], confirmed: Collection[str]
) -> Found:
    """Create the missing accounts, and take over the self-made ones whose usernames were confirmed.

    If the result has refusals, or self-made accounts that were not confirmed, the caller must roll back. Otherwise it
    has all ids. Safe against users who register at the same time.
    """
    found = await find_accounts(conn, exam_id, candidates, lock=True)
    if found.refusals:
        return found
    missing = [(found.usernames[index], one) for index, one in enumerate(candidates) if found.user_ids[index] is None]
    if missing:
        refused = await _create(conn, missing)
        # Again, because a user may have registered one of the usernames.
        found = await find_accounts(conn, exam_id, candidates, lock=True)
        found.refusals.extend(
            RefusedStudent(index, "enrollment_id", ID_TAKEN)
            for index, username in enumerate(found.usernames)
            if username in refused
        )
    names = {canonical_username(name) for name in confirmed}
    waiting = [one for one in found.self_made if one.username not in names]
    if not waiting and not found.refusals:
        for one in sorted(found.self_made, key=lambda one: one.username):
            await _take_over(conn, one.username, candidates[one.index])
        await _add_profiles(conn, [user_id for user_id in found.user_ids if user_id is not None])
    return msgspec.structs.replace(found, self_made=waiting)


def _refuse(
    index: int,
    candidate: RosterStudent,
    username: str,
    account: Row[*tuple[Any, ...]] | None,
    owners: Mapping[str, str],
    seen: Collection[str],
) -> Iterator[RefusedStudent]:
    column = "username" if candidate.username else "enrollment_id"
    if not username:
        yield RefusedStudent(index, "enrollment_id", ID_UNKNOWN)
    elif username in seen:
        yield RefusedStudent(index, column, TWICE)
    elif account is not None and account.is_barred:
        yield RefusedStudent(index, column, BARRED)
    elif account is None and owners.get(candidate.enrollment_id or "", username) != username:
        yield RefusedStudent(index, "enrollment_id", ID_TAKEN)


async def _find_usernames(conn: AsyncConnection, candidates: Sequence[RosterStudent]) -> dict[str, str]:
    """Return the usernames of the accounts with these enrollment ids, for candidates without a username."""
    return await _find_owners(conn, [one for one in candidates if not one.username])


async def _find_owners(conn: AsyncConnection, candidates: Sequence[RosterStudent]) -> dict[str, str]:
    numbers = {one.enrollment_id for one in candidates if one.enrollment_id}
    if not numbers:
        return {}
    found = await conn.execute(
        select(StudentProfile.enrollment_id, User.username)
        .join(User, User.id == StudentProfile.user_id)
        .where(StudentProfile.enrollment_id.in_(numbers))
    )
    return {row.enrollment_id: row.username for row in found}


async def _read_accounts(
    conn: AsyncConnection, exam_id: UUID, usernames: Collection[str], *, lock: bool
) -> dict[str, Row[*tuple[Any, ...]]]:
    """Read the accounts with these usernames, and whether each may not be a candidate of the exam.

    Those who may not: administrators, programs, deactivated accounts, and users with a permission on the exam.
    """
    if not usernames:
        return {}
    runs_exam = or_(
        exists().where(Exam.id == exam_id, Exam.creator_id == User.id).correlate(User),
        exists()
        .where(TeacherExamPermission.exam_id == exam_id, TeacherExamPermission.teacher_id == User.id)
        .correlate(User),
    )
    barred = or_(User.role.in_((Role.ADMIN, Role.SERVICE)), User.is_active == false(), runs_exam)
    accounts = select(User.id, User.username, User.full_name, User.origin, barred.label("is_barred")).where(
        User.username.in_(set(usernames))
    )
    if lock:
        # An erasure waits, or is finished before: then the username is free again.
        accounts = accounts.with_for_update(read=True, key_share=True, of=User)
    found = await conn.execute(accounts)
    return {row.username: row for row in found}


async def _create(conn: AsyncConnection, missing: Sequence[tuple[str, RosterStudent]]) -> set[str]:
    """Create accounts with profiles; return the usernames whose enrollment id another roster has just used."""
    # The same order everywhere, so that two rosters with common students cannot deadlock.
    ordered = sorted(missing, key=lambda one: one[0])
    created = await conn.execute(
        postgresql.insert(User).on_conflict_do_nothing().returning(User.id, User.username),
        [
            {
                "id": uuid7(),
                "username": username,
                "full_name": one.name,
                "role": Role.STUDENT,
                "email": one.email,
                "origin": Origin.STAFF,
            }
            for username, one in ordered
        ],
    )
    ids = {row.username: row.id for row in created}
    profiles = [
        {"user_id": ids[username], "enrollment_id": one.enrollment_id, "cohort": one.cohort}
        for username, one in ordered
        if username in ids
    ]
    if not profiles:
        return set()
    added = await conn.execute(
        postgresql.insert(StudentProfile).on_conflict_do_nothing().returning(StudentProfile.user_id), profiles
    )
    done = set(added.scalars())
    return {username for username, user_id in ids.items() if user_id not in done}


async def _take_over(conn: AsyncConnection, username: str, candidate: RosterStudent) -> None:
    """Make a self-made account one of the staff: with the roster's name, without its password and sessions."""
    taken = await conn.execute(
        update(User)
        .where(User.username == username, User.origin == Origin.SELF)
        .values(origin=Origin.STAFF, password_hash=None, full_name=candidate.name, email=candidate.email)
        .returning(User.id)
    )
    user_id: UUID | None = taken.scalar_one_or_none()
    if user_id is None:  # another roster was first
        return
    for table in (SecondFactor, RecoveryCode):
        await conn.execute(delete(table).where(table.user_id == user_id))
    await users.end_sessions(conn, user_id, SessionEnd.ACCOUNT_CHANGED)
    if candidate.enrollment_id is not None:
        free = ~exists().where(StudentProfile.enrollment_id == candidate.enrollment_id)
        await conn.execute(
            update(StudentProfile)
            .where(StudentProfile.user_id == user_id, free)
            .values(enrollment_id=candidate.enrollment_id, cohort=candidate.cohort)
        )


async def _add_profiles(conn: AsyncConnection, user_ids: Sequence[UUID]) -> None:
    """Give accounts of teachers the profile of a student, for their figures as candidates."""
    without = (
        select(User.id)
        .where(User.id.in_(user_ids), ~exists().where(StudentProfile.user_id == User.id))
        .order_by(User.id)
    )
    missing = (await conn.execute(without)).scalars().all()
    if missing:
        rows = [{"user_id": user_id} for user_id in missing]
        await conn.execute(postgresql.insert(StudentProfile).on_conflict_do_nothing(), rows)
