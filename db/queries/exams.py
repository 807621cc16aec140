"""Exams and rosters. Who may see an exam is decided inside the queries: none can name what its caller may not see."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamEnrollment, ExamPolicy, User
from db.queries import feed
from protocol.attempts import RUNNING, AttemptStatus
from protocol.console import StudentRow
from protocol.people import Role


class ExamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One exam as its teachers see it; times in ms since the epoch."""

    exam_id: UUID
    title: str
    subject: str
    description: str
    duration_minutes: int
    is_published: bool
    created_at: int


class RunningAttempt(msgspec.Struct, frozen=True):
    """A student's running attempt; `deadline` in ms since the epoch."""

    attempt_id: UUID
    status: AttemptStatus
    deadline: int | None


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """One exam a student is to sit, with the attempt that is running."""

    exam_id: UUID
    title: str
    subject: str
    description: str
    duration_minutes: int
    attempt: RunningAttempt | None


_EXAM = (
    Exam.id,
    Exam.title,
    Exam.subject,
    Exam.description,
    Exam.duration_minutes,
    Exam.is_published,
    Exam.created_at,
)


async def create(
    conn: AsyncConnection,
    *,
    creator_id: UUID,
    title: str,
    duration_minutes: int,
    policy: dict[str, Any],
    subject: str = "",
    description: str = "",
) -> ExamRecord:
    """Make a published exam with its first policy version and its feed."""
    exam_id = uuid7()
    created = await conn.execute(
        insert(Exam)
        .values(
            id=exam_id,
            creator_id=creator_id,
            title=title,
            subject=subject,
            description=description,
            duration_minutes=duration_minutes,
            is_published=True,
        )
        .returning(*_EXAM)
    )
    record = _record(created.one())
    await conn.execute(insert(ExamPolicy).values(id=uuid7(), exam_id=exam_id, version=1, settings=policy))
    await feed.open_feed(conn, exam_id)
    return record


async def read_own(conn: AsyncConnection, exam_id: UUID, *, user_id: UUID, role: Role) -> ExamRecord:
    """Read an exam that this user may change: its creator or an administrator. Raises NotFound for anybody else."""
    found = await conn.execute(select(*_EXAM).where(Exam.id == exam_id, _is_own(user_id, role)))
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"no exam {exam_id}")
    return _record(row)


async def list_own(
    conn: AsyncConnection, *, user_id: UUID, role: Role, before: UUID | None = None, limit: int = 50
) -> list[ExamRecord]:
    """List the exams this user may change, the newest first, from those made before the exam `before`."""
    older = true() if before is None else Exam.id < before
    found = await conn.execute(
        select(*_EXAM).where(_is_own(user_id, role), older).order_by(Exam.id.desc()).limit(limit)
    )
    return [_record(row) for row in found]


async def enrol(conn: AsyncConnection, exam_id: UUID, student_ids: Sequence[UUID]) -> set[UUID]:
    """Put students on an exam's roster, anew when they were taken off it; return those who were not on it."""
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
    """Take a student off an exam's roster; returns the row for its board, None when they were not on it."""
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


async def list_enrolments(conn: AsyncConnection, student_id: UUID, *, only_exam: UUID | None = None) -> list[Enrolment]:
    """List the published exams a student is enrolled in, the newest first; `only_exam` leaves out all others."""
    running = (
        (ExamAttempt.exam_id == Exam.id) & (ExamAttempt.student_id == student_id) & ExamAttempt.status.in_(RUNNING)
    )
    found = await conn.execute(
        select(*_EXAM, ExamAttempt.id.label("attempt_id"), ExamAttempt.status, ExamAttempt.deadline)
        .join(ExamEnrollment, ExamEnrollment.exam_id == Exam.id)
        .join(ExamAttempt, running, isouter=True)
        .where(
            ExamEnrollment.student_id == student_id,
            ExamEnrollment.removed_at.is_(None),
            Exam.is_published,
            true() if only_exam is None else Exam.id == only_exam,
        )
        .order_by(Exam.id.desc())
    )
    return [
        Enrolment(
            exam_id=row.id,
            title=row.title,
            subject=row.subject,
            description=row.description,
            duration_minutes=row.duration_minutes,
            attempt=_attempt(row),
        )
        for row in found
    ]


def _is_own(user_id: UUID, role: Role) -> ColumnElement[bool]:
    return true() if role is Role.ADMIN else Exam.creator_id == user_id


def _record(row: Any) -> ExamRecord:
    return ExamRecord(
        exam_id=row.id,
        title=row.title,
        subject=row.subject,
        description=row.description,
        duration_minutes=row.duration_minutes,
        is_published=row.is_published,
        created_at=to_ms(row.created_at),
    )


def _attempt(row: Any) -> RunningAttempt | None:
    if row.attempt_id is None:
        return None
    deadline = None if row.deadline is None else to_ms(row.deadline)
    return RunningAttempt(row.attempt_id, AttemptStatus(row.status), deadline)
