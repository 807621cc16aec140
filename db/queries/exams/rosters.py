"""Rosters: which students may take an exam.

Never deletes a row: a removed student stays on the board.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import func, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import Exam, ExamEnrollment, User
from db.queries import access
from protocol.console import StudentRow
from protocol.roles import Permission


class RosterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One student of an exam, also after a removal. `enrolled_at` in ms since the epoch."""

    student_id: UUID
    username: str
    name: str
    email: str | None
    on_roster: bool
    enrolled_at: int


async def list_entries(
    conn: AsyncConnection, exam_id: UUID, user_id: UUID, *, after: str | None = None, limit: int = 50
) -> list[RosterEntry]:
    """List the students of an exam by username, after `after`. Raises NotFound and Forbidden."""
    await access.require(conn, exam_id, user_id, Permission.VIEW, Permission.EDIT)
    found = await conn.execute(
        select(User.id, User.username, User.full_name, User.email, ExamEnrollment.removed_at, ExamEnrollment.created_at)
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
            name=row.full_name,
            email=row.email,
            on_roster=row.removed_at is None,
            enrolled_at=to_ms(row.created_at),
        )
        for row in found
    ]


async def enroll(conn: AsyncConnection, exam_id: UUID, student_ids: Sequence[UUID]) -> set[UUID]:
    """Add students to the roster, also removed ones; return those who were not on it."""
    if not student_ids:
        return set()
    enrolled = await conn.execute(
        postgresql.insert(ExamEnrollment)
        .on_conflict_do_update(
            index_elements=["exam_id", "student_id"],
            set_={"removed_at": None},
            where=ExamEnrollment.removed_at.is_not(None),
        )
        .returning(ExamEnrollment.student_id),
        [{"exam_id": exam_id, "student_id": student_id} for student_id in sorted(student_ids)],
    )
    return set(enrolled.scalars())


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
        .returning(User.full_name)
    )
    name: str | None = removed.scalar_one_or_none()
    return None if name is None else StudentRow(student_id, name, on_roster=False)
