"""Students as teachers see them: identity, attempts, and students who need attention.

Never returns data from exams that the user may not see. Figures over all exams of a student are only for users who may
see all of them.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    column,
    exists,
    func,
    not_,
    or_,
    select,
    table,
    text,
    true,
    union,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamEnrollment, PerformanceMetric, RiskSummary, StudentProfile, User
from db.queries import access
from db.queries.review.attempts import AttemptSummary, select_summaries, to_summary
from protocol.analysis import HIGH_RISK, DropoutLabel, Trend
from protocol.attempts import ExamKind
from protocol.roles import Permission, Role

ATTEMPTS_MAX: Final = 200
"""The most attempts on the page of a student, the newest first."""


class StudentCard(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a student, as the rosters say that the user may see; administrators see the account's."""

    user_id: UUID
    username: str
    name: str
    enrollment_id: str | None
    cohort: str | None


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a student over all attempts whose review is final.

    Times are in ms since the epoch; values are null without attempts.
    """

    total_exams: int
    passed_exams: int
    avg_score: float | None
    subject_scores: dict[str, Any]
    strengths: list[Any]
    weaknesses: list[Any]
    avg_integrity_score: float | None
    integrity_trend: Trend | None
    avg_lmi: float | None
    lmi_trend: Trend | None
    current_risk_label: DropoutLabel | None
    flagged_for_intervention: bool
    last_attempt_date: int | None


class FlaggedStudent(msgspec.Struct, frozen=True, kw_only=True):
    """A student who needs attention.

    `attempts` and `high_risk` count ended attempts in the exams whose analytics the user may see. The risk and the flag
    for intervention are over all exams of the student: null and false unless the user may see all of these exams.
    """

    student_id: UUID
    name: str
    attempts: int
    high_risk: int
    current_risk_label: DropoutLabel | None
    flagged_for_intervention: bool
    last_attempt_at: int | None


async def read_card(conn: AsyncConnection, student_id: UUID, user_id: UUID) -> StudentCard:
    """Read the identity of a student.

    Raises NotFound unless the student is or was on the roster of an exam that the user may see.
    """
    found = await conn.execute(
        select(
            User.username,
            User.full_name,
            ExamEnrollment.name,
            ExamEnrollment.enrollment_id,
            ExamEnrollment.cohort,
            StudentProfile.enrollment_id.label("own_number"),
            StudentProfile.cohort.label("own_cohort"),
            _is_admin(user_id).label("is_admin"),
        )
        .join(ExamEnrollment, ExamEnrollment.student_id == User.id)
        .join(Exam, Exam.id == ExamEnrollment.exam_id)
        .outerjoin(StudentProfile, StudentProfile.user_id == User.id)
        .where(User.id == student_id, access.permits(user_id, Permission.VIEW))
        .order_by(ExamEnrollment.created_at.desc(), Exam.id)
    )
    rows = found.all()
    if not rows:
        raise NotFound(f"There is no student {student_id} that you can see.")
    newest = rows[0]
    if newest.is_admin:
        name, number, cohort = newest.full_name, newest.own_number, newest.own_cohort
    else:
        # Of the newest roster that says it.
        name = next((row.name for row in rows if row.name), newest.full_name)
        number = next((row.enrollment_id for row in rows if row.enrollment_id), None)
        cohort = next((row.cohort for row in rows if row.cohort), None)
    return StudentCard(user_id=student_id, username=newest.username, name=name, enrollment_id=number, cohort=cohort)


async def list_attempts(conn: AsyncConnection, student_id: UUID, user_id: UUID) -> list[AttemptSummary]:
    """List a student's attempts in the exams that the user may see, the newest first."""
    found = await conn.execute(
        select_summaries()
        .where(ExamAttempt.student_id == student_id, access.permits(user_id, Permission.VIEW))
        .order_by(ExamAttempt.started_at.desc())
        .limit(ATTEMPTS_MAX)
    )
    return [to_summary(row) for row in found]


async def read_metrics(conn: AsyncConnection, student_id: UUID, user_id: UUID) -> Metrics | None:
    """Read a student's figures over all exams.

    None before there are any, and when the user may not see all of these exams.
    """
    columns = [getattr(PerformanceMetric, field.name) for field in msgspec.structs.fields(Metrics)]
    found = await conn.execute(
        select(*columns).where(
            PerformanceMetric.student_id == student_id, not_(_has_other_exams(PerformanceMetric.student_id, user_id))
        )
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    at = row["last_attempt_date"]
    return msgspec.convert({**row, "last_attempt_date": None if at is None else to_ms(at)}, Metrics)


async def list_flagged(
    conn: AsyncConnection, user_id: UUID, *, role: Role, exam_id: UUID | None, after: UUID | None, limit: int
) -> list[FlaggedStudent]:
    """List the students who need attention by id, after `after`.

    These are students with a high-risk or flagged attempt in an exam whose analytics the user may see (or in the named
    exam), or flagged for intervention over all exams. An administrator's list over all exams comes from the
    summary, as of its last refresh. Attempts of practice exams are left out. Raises NotFound and Forbidden
    for the named exam.
    """
    if exam_id is not None:
        await access.require(conn, exam_id, user_id, Permission.VIEW_ANALYTICS)
    metric = PerformanceMetric
    is_over_all = role is Role.ADMIN and exam_id is None and await _has_summary(conn)
    risky = _risky_of_all() if is_over_all else _risky_of_exams(user_id, exam_id, role)
    # Few students need attention, and only theirs are counted: the attempts of all others are not read.
    candidate = union(risky, select(metric.student_id).where(metric.flagged_for_intervention)).subquery("candidate")
    counted: FromClause = (
        select(_RISKS).subquery("counted") if is_over_all else _count(candidate.c.student_id, user_id, exam_id, role)
    )
    is_visible = and_(metric.student_id.is_not(None), not_(_has_other_exams(counted.c.student_id, user_id)))
    query = (
        select(
            counted,
            _name_for(user_id, exam_id).label("name"),
            metric.current_risk_label,
            metric.flagged_for_intervention,
            is_visible.label("is_visible"),
        )
        .select_from(candidate)
        .join(counted, counted.c.student_id == candidate.c.student_id if is_over_all else true())
        .join(User, User.id == counted.c.student_id)
        .outerjoin(metric, metric.student_id == counted.c.student_id)
        .where(or_(counted.c.high_risk > 0, counted.c.flagged > 0, and_(metric.flagged_for_intervention, is_visible)))
        .order_by(candidate.c.student_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(candidate.c.student_id > after)
    return [_flagged(row) for row in await conn.execute(query)]


def _risky_of_all() -> Select[UUID]:
    # With constants, so that the planner can use the partial index.
    return select(RiskSummary.student_id).where(
        text("(student_risk_summary.high_risk > 0 OR student_risk_summary.flagged > 0)")
    )


def _risky_of_exams(user_id: UUID, exam_id: UUID | None, role: Role) -> Select[UUID]:
    """Select students with a high-risk or flagged attempt in these exams. With constants, for the partial index."""
    return (
        select(ExamAttempt.student_id)
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .where(
            _among(user_id, exam_id),
            _nearby(user_id, exam_id, role),
            Exam.kind == ExamKind.REAL,
            text("exam_attempts.completed_at IS NOT NULL"),
            text("(exam_attempts.flagged OR exam_attempts.dropout_label IN ('copy', 'incapable'))"),
        )
    )


def _among(user_id: UUID, exam_id: UUID | None) -> ColumnElement[bool]:
    return access.permits(user_id, Permission.VIEW_ANALYTICS) if exam_id is None else Exam.id == exam_id


def _nearby(user_id: UUID, exam_id: UUID | None, role: Role) -> ColumnElement[bool]:
    """Limit the search to the teacher's exams, for speed: `_among` decides about access."""
    return true() if exam_id is not None or role is Role.ADMIN else ExamAttempt.exam_id.in_(access.near(user_id))


def _is_admin(user_id: UUID) -> ColumnElement[bool]:
    reader = aliased(User)
    return exists().where(reader.id == user_id, reader.role == Role.ADMIN)


def _name_for(user_id: UUID, exam_id: UUID | None) -> ColumnElement[str]:
    """Return the name of a student (`User`) on the newest roster that the reader may see, or the account's."""
    said = (
        select(ExamEnrollment.name)
        .join(Exam, Exam.id == ExamEnrollment.exam_id)
        .where(ExamEnrollment.student_id == User.id, ExamEnrollment.name.is_not(None), _among(user_id, exam_id))
        .order_by(ExamEnrollment.created_at.desc())
        .limit(1)
        .correlate(User)
        .scalar_subquery()
    )
    return func.coalesce(said, User.full_name)


_RISKS: Final = table(
    "student_risk_summary",
    *(column(name) for name in ("student_id", "attempts", "high_risk", "flagged", "last_attempt_at")),
)


async def _has_summary(conn: AsyncConnection) -> bool:
    return bool((await conn.execute(select(exists().select_from(_RISKS)))).scalar_one())


def _count(student_id: ColumnElement[UUID], user_id: UUID, exam_id: UUID | None, role: Role) -> FromClause:
    """Count ended attempts of the student, like the summary, in the exams whose analytics the user may see.

    Attempts of practice exams count in no figures.
    """
    return (
        select(
            ExamAttempt.student_id,
            func.count().label("attempts"),
            func.count().filter(ExamAttempt.dropout_label.in_(HIGH_RISK)).label("high_risk"),
            func.count().filter(ExamAttempt.flagged).label("flagged"),
            func.max(ExamAttempt.completed_at).label("last_attempt_at"),
        )
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .where(
            ExamAttempt.student_id == student_id,
            _among(user_id, exam_id),
            _nearby(user_id, exam_id, role),
            Exam.kind == ExamKind.REAL,
            ExamAttempt.completed_at.is_not(None),
        )
        .group_by(ExamAttempt.student_id)
        .correlate_except(ExamAttempt, Exam)
        .lateral("counted")
    )


def _has_other_exams(
    student_id: ColumnElement[UUID] | InstrumentedAttribute[UUID], user_id: UUID
) -> ColumnElement[bool]:
    """Return whether a student has taken an exam that this user may not see."""
    return (
        exists()
        .where(ExamAttempt.student_id == student_id, ExamAttempt.exam_id == Exam.id)
        .where(not_(access.permits(user_id, Permission.VIEW, Permission.VIEW_ANALYTICS)))
        .correlate_except(ExamAttempt, Exam)
    )


def _flagged(row: Row[*tuple[Any, ...]]) -> FlaggedStudent:
    label = row.current_risk_label if row.is_visible else None
    return FlaggedStudent(
        student_id=row.student_id,
        name=row.name,
        attempts=row.attempts,
        high_risk=row.high_risk,
        current_risk_label=None if label is None else DropoutLabel(label),
        flagged_for_intervention=bool(row.is_visible and row.flagged_for_intervention),
        last_attempt_at=None if row.last_attempt_at is None else to_ms(row.last_attempt_at),
    )
