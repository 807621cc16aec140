"""Attempts as teachers see them, one line each: results and what is still open.

These lines contain dropout labels. Never show them to a student.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, Flag, User
from db.queries import access
from db.queries.exams.rosters import shown_name
from protocol.analysis import DropoutLabel
from protocol.attempts import AttemptStatus
from protocol.flags import UNDECIDED, Severity
from protocol.roles import Permission


class AttemptSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt in a line; times in ms since the epoch.

    `integrity` and `coverage` are 0 to 1, `lmi` and `percentage` 0 to 100, each null while unknown. `open_flags` counts
    the undecided flags above a note. From `events_deleted_at` on its events are deleted after their time.
    """

    attempt_id: UUID
    exam_id: UUID
    title: str
    student_id: UUID
    name: str
    ix: int
    status: AttemptStatus
    started_at: int
    completed_at: int | None
    score: float | None
    max_score: float | None
    percentage: float | None
    passed: bool | None
    grade_final: bool
    integrity: float | None
    coverage: float | None
    lmi: float | None
    dropout_label: DropoutLabel | None
    flagged: bool
    open_flags: int
    events_deleted_at: int | None = None


def select_summaries() -> Select[*tuple[Any, ...]]:
    """Select attempts with the columns that `to_summary` reads. The caller adds conditions and order."""
    undecided = (
        select(func.count())
        .where(
            Flag.attempt_id == ExamAttempt.id,
            Flag.status.in_(UNDECIDED),
            Flag.severity != Severity.NORMAL,
        )
        .correlate(ExamAttempt)
        .scalar_subquery()
    )
    return (
        select(
            ExamAttempt.id,
            ExamAttempt.exam_id,
            Exam.title,
            ExamAttempt.student_id,
            shown_name(ExamAttempt.exam_id, ExamAttempt.student_id).label("name"),
            ExamAttempt.ix,
            ExamAttempt.status,
            ExamAttempt.started_at,
            ExamAttempt.completed_at,
            ExamAttempt.score,
            ExamAttempt.max_score,
            ExamAttempt.percentage,
            ExamAttempt.passed,
            ExamAttempt.grade_final_at,
            ExamAttempt.integrity_score,
            ExamAttempt.coverage,
            ExamAttempt.lmi,
            ExamAttempt.dropout_label,
            ExamAttempt.flagged,
            undecided.label("open_flags"),
            ExamAttempt.events_deleted_at,
        )
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .join(User, User.id == ExamAttempt.student_id)
    )


def to_summary(row: Row[*tuple[Any, ...]]) -> AttemptSummary:
    """Convert one row to a summary."""
    return AttemptSummary(
        attempt_id=row.id,
        exam_id=row.exam_id,
        title=row.title,
        student_id=row.student_id,
        name=row.name,
        ix=row.ix,
        status=AttemptStatus(row.status),
        started_at=to_ms(row.started_at),
        completed_at=None if row.completed_at is None else to_ms(row.completed_at),
        score=row.score,
        max_score=row.max_score,
        percentage=row.percentage,
        passed=row.passed,
        grade_final=row.grade_final_at is not None,
        integrity=row.integrity_score,
        coverage=row.coverage,
        lmi=row.lmi,
        dropout_label=None if row.dropout_label is None else DropoutLabel(row.dropout_label),
        flagged=row.flagged,
        open_flags=row.open_flags,
        events_deleted_at=None if row.events_deleted_at is None else to_ms(row.events_deleted_at),
    )


async def list_attempts(
    conn: AsyncConnection, exam_id: UUID, *, user_id: UUID, after: int | None = None, limit: int
) -> list[AttemptSummary]:
    """List the attempts of an exam by `ix`, after `after`. Raises NotFound and Forbidden."""
    await access.require(conn, exam_id, user_id, Permission.VIEW)
    return await list_page(conn, exam_id, after=after, limit=limit)


async def list_page(
    conn: AsyncConnection, exam_id: UUID, *, after: int | None = None, limit: int
) -> list[AttemptSummary]:
    """List attempts of an exam. The caller has checked the access."""
    found = await conn.execute(_PAGE, {"exam": exam_id, "after": after or 0, "most": limit})
    return [to_summary(row) for row in found]


async def read_summary(conn: AsyncConnection, attempt_id: UUID) -> AttemptSummary:
    """Read one attempt's summary. The caller has checked the access. Raises NotFound."""
    row = (await conn.execute(_ONE, {"attempt": attempt_id})).one_or_none()
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return to_summary(row)


_ONE: Final = select_summaries().where(ExamAttempt.id == bindparam("attempt"))
_PAGE: Final = (
    select_summaries()
    .where(ExamAttempt.exam_id == bindparam("exam"), ExamAttempt.ix > bindparam("after"))
    .order_by(ExamAttempt.ix)
    .limit(bindparam("most"))
)
