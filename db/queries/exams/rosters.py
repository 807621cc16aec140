"""Rosters: which students may take an exam, and what the roster says of each.

Never deletes a row: a removed student stays on the board. Never shows the e-mail address or the enrollment id of an
account, only those that the roster of the exam brought.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, exists, func, or_, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from db.clock import to_ms
from db.models import CandidateCode, Exam, ExamEnrollment, User
from db.queries import access
from protocol.console import StudentRow
from protocol.roles import Permission
from protocol.text.names import canonical_username

_SAID: Final = ("name", "email", "enrollment_id", "cohort")


class RosterLine(msgspec.Struct, frozen=True):
    """What a roster says of one student. Without a name, the account's is shown."""

    student_id: UUID
    name: str | None = None
    email: str | None = None
    enrollment_id: str | None = None
    cohort: str | None = None


class Enrolled(msgspec.Struct, frozen=True):
    """A student on the roster, with the name that teachers see."""

    student_id: UUID
    username: str
    name: str


class RosterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One student of an exam, also after a removal. `enrolled_at` in ms since the epoch.

    Name and e-mail address are those that this roster brought. `has_code`: there is a code for this exam, which may be
    over with the exam.
    """

    student_id: UUID
    username: str
    name: str
    email: str | None
    on_roster: bool
    enrolled_at: int
    has_code: bool = False


def shown_name(
    exam_id: ColumnElement[UUID] | InstrumentedAttribute[UUID],
    user_id: ColumnElement[UUID] | InstrumentedAttribute[UUID],
) -> ColumnElement[str]:
    """Return the name of a student in an exam: the roster's, or without one the account's (`User.full_name`)."""
    of_roster = aliased(ExamEnrollment)
    said = select(of_roster.name).where(of_roster.exam_id == exam_id, of_roster.student_id == user_id)
    return func.coalesce(said.scalar_subquery(), User.full_name)


async def lock(conn: AsyncConnection, exam_id: UUID) -> None:
    """Let changes of one exam's roster and permissions wait for each other until COMMIT."""
    await conn.execute(select(Exam.id).where(Exam.id == exam_id).with_for_update(key_share=True))


async def list_entries(
    conn: AsyncConnection, exam_id: UUID, user_id: UUID, *, after: str | None = None, limit: int = 50
) -> list[RosterEntry]:
    """List the students of an exam by username, after `after`. Raises NotFound and Forbidden."""
    await access.require(conn, exam_id, user_id, Permission.VIEW, Permission.EDIT)
    has_code = exists().where(
        CandidateCode.exam_id == exam_id, CandidateCode.student_id == User.id, CandidateCode.revoked_at.is_(None)
    )
    found = await conn.execute(
        select(
            User.id,
            User.username,
            func.coalesce(ExamEnrollment.name, User.full_name).label("name"),
            ExamEnrollment.email,
            ExamEnrollment.removed_at,
            ExamEnrollment.created_at,
            has_code.label("has_code"),
        )
        .join(ExamEnrollment, ExamEnrollment.student_id == User.id)
        .join(Exam, Exam.id == ExamEnrollment.exam_id)
        .where(
            Exam.id == exam_id,
            access.permits(user_id, Permission.VIEW, Permission.EDIT),
            true() if after is None else User.username > after,
        )
        .order_by(User.username)
        .limit(limit)
    )
    return [
        RosterEntry(
            student_id=row.id,
            username=row.username,
            name=row.name,
            email=row.email,
            on_roster=row.removed_at is None,
            enrolled_at=to_ms(row.created_at),
            has_code=row.has_code,
        )
        for row in found
    ]


async def enroll(conn: AsyncConnection, exam_id: UUID, entries: Sequence[RosterLine]) -> set[UUID]:
    """Add students to the roster, also removed ones; return those who are new or have another name than before.

    What the roster says now replaces what it said before; what it leaves out stays.
    """
    if not entries:
        return set()
    sent = postgresql.insert(ExamEnrollment).excluded
    said = {name: func.coalesce(sent[name], getattr(ExamEnrollment, name)) for name in _SAID}
    changed = or_(
        ExamEnrollment.removed_at.is_not(None),
        *(getattr(ExamEnrollment, name).is_distinct_from(value) for name, value in said.items()),
    )
    enrolled = await conn.execute(
        postgresql.insert(ExamEnrollment)
        .on_conflict_do_update(
            index_elements=["exam_id", "student_id"], set_={"removed_at": None, **said}, where=changed
        )
        .returning(ExamEnrollment.student_id),
        [
            {"exam_id": exam_id, **msgspec.structs.asdict(entry)}
            for entry in sorted(entries, key=lambda entry: entry.student_id)
        ],
    )
    return set(enrolled.scalars())


async def find_on_roster(conn: AsyncConnection, exam_id: UUID, usernames: Collection[str] | None) -> list[Enrolled]:
    """Read the students who are on the roster, or those of them with these usernames, by username."""
    named = true() if usernames is None else User.username.in_({canonical_username(name) for name in usernames})
    found = await conn.execute(
        select(User.id, User.username, func.coalesce(ExamEnrollment.name, User.full_name).label("name"))
        .join(ExamEnrollment, ExamEnrollment.student_id == User.id)
        .where(ExamEnrollment.exam_id == exam_id, ExamEnrollment.removed_at.is_(None), named)
        .order_by(User.username)
    )
    return [Enrolled(row.id, row.username, row.name) for row in found]


async def remove_from_roster(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> StudentRow | None:
    """Remove a student from the roster; return the row for the board, or None when the student was not on it."""
    removed = await conn.execute(
        update(ExamEnrollment)
        .where(
            ExamEnrollment.exam_id == exam_id,
            ExamEnrollment.student_id == student_id,
            ExamEnrollment.removed_at.is_(None),
            User.id == ExamEnrollment.student_id,
        )
        .values(removed_at=func.now())
        .returning(func.coalesce(ExamEnrollment.name, User.full_name))
    )
    name: str | None = removed.scalar_one_or_none()
    return None if name is None else StudentRow(student_id, name, on_roster=False)
