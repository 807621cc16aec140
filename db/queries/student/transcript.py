"""The transcript of a student: identity, attempts and totals.

Shows a score only after the results are released. Never reads a label, and never data of another student.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Uuid, and_, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamEnrollment, StudentProfile, User
from db.queries.student.attempt_view import OWNED, Owner
from protocol.attempts import AttemptStatus, ShownStatus, show_status


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a student."""

    user_id: UUID
    name: str
    username: str
    enrollment_id: str | None
    cohort: str | None


class PastAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt in a line; times in ms since the epoch.

    Score, percentage, passed and integrity only after the release.
    """

    attempt_id: UUID
    exam_id: UUID
    title: str
    subject: str
    status: ShownStatus
    started_at: int
    completed_at: int | None
    score: float | None
    max_score: float | None
    percentage: float | None
    passed: bool | None
    grade_final: bool
    released: bool
    integrity: float | None
    coverage: float | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How many exams were completed; of the released ones how many were passed, and the average percentage."""

    total_exams: int
    passed: int
    average_score: float | None


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript; `integrity` is the average over attempts whose review is final."""

    profile: Profile
    integrity: float | None
    attempts: list[PastAttempt]
    totals: Totals


_is_released: Final = Exam.results_released_at.is_not(None)


async def read_transcript(conn: AsyncConnection, owner: Owner, *, limit: int = 50) -> Transcript:
    """Read a student's transcript with the newest attempts. Raises NotFound."""
    row = await _read_profile(conn, owner)
    return Transcript(
        profile=Profile(
            user_id=owner.student_id,
            name=row.name,
            username=row.username,
            enrollment_id=row.enrollment_id,
            cohort=row.cohort,
        ),
        integrity=row.cumulative_integrity_score,
        attempts=await _list_attempts(conn, owner, limit),
        totals=await _sum_up(conn, owner),
    )


async def _read_profile(conn: AsyncConnection, owner: Owner) -> Row[*tuple[Any, ...]]:
    """Read who the student is. After a sign-in by code, only what the roster says: its teacher knows the code too."""
    own = (User.full_name.label("name"), StudentProfile.enrollment_id, StudentProfile.cohort)
    on_roster = (
        func.coalesce(ExamEnrollment.name, User.full_name).label("name"),
        ExamEnrollment.enrollment_id,
        ExamEnrollment.cohort,
    )
    found = await conn.execute(
        select(
            *(own if owner.only_exam is None else on_roster),
            User.username,
            case((literal(owner.only_exam is None), StudentProfile.cumulative_integrity_score)).label(
                "cumulative_integrity_score"
            ),
        )
        .outerjoin(StudentProfile, StudentProfile.user_id == User.id)
        .outerjoin(
            ExamEnrollment,
            and_(ExamEnrollment.student_id == User.id, ExamEnrollment.exam_id == literal(owner.only_exam, Uuid)),
        )
        .where(User.id == owner.student_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"There is no student {owner.student_id}.")
    return row


async def _list_attempts(conn: AsyncConnection, owner: Owner, limit: int) -> list[PastAttempt]:
    released = [
        case((_is_released, column)).label(column.key)
        for column in (ExamAttempt.score, ExamAttempt.percentage, ExamAttempt.passed, ExamAttempt.integrity_score)
    ]
    found = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.exam_id,
            Exam.title,
            Exam.subject,
            ExamAttempt.status,
            ExamAttempt.started_at,
            ExamAttempt.completed_at,
            ExamAttempt.max_score,
            ExamAttempt.grade_final_at,
            ExamAttempt.coverage,
            _is_released.label("is_released"),
            *released,
        )
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .where(OWNED)
        .order_by(ExamAttempt.started_at.desc(), ExamAttempt.id.desc())
        .limit(limit),
        owner.parameters(),
    )
    return [_attempt(row) for row in found]


async def _sum_up(conn: AsyncConnection, owner: Owner) -> Totals:
    found = await conn.execute(
        select(
            func.count().label("total"),
            func.count().filter(_is_released, ExamAttempt.passed.is_(True)).label("passed"),
            func.avg(ExamAttempt.percentage).filter(_is_released).label("average"),
        )
        .select_from(ExamAttempt)
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .where(OWNED, ExamAttempt.completed_at.is_not(None)),
        owner.parameters(),
    )
    row = found.one()
    return Totals(total_exams=row.total, passed=row.passed, average_score=row.average)


def _attempt(row: Row[*tuple[Any, ...]]) -> PastAttempt:
    return PastAttempt(
        attempt_id=row.id,
        exam_id=row.exam_id,
        title=row.title,
        subject=row.subject,
        status=show_status(AttemptStatus(row.status)),
        started_at=to_ms(row.started_at),
        completed_at=None if row.completed_at is None else to_ms(row.completed_at),
        score=row.score,
        max_score=row.max_score,
        percentage=row.percentage,
        passed=row.passed,
        grade_final=row.grade_final_at is not None,
        released=row.is_released,
        integrity=row.integrity_score,
        coverage=row.coverage,
    )
