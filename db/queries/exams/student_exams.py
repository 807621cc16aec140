"""The exams that a student may take, with their state for the student.

Never returns the exams of another student.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import Exam, ExamAttempt, ExamEnrollment, ExamPolicy, User
from protocol.attempts import RUNNING, AttemptStatus, ExamKind, ShownStatus, show_status


class EnrolmentState(StrEnum):
    """The state of an exam for a student, who can wait, start, continue, do nothing, or read the results."""

    UPCOMING = "upcoming"
    OPEN = "open"
    RUNNING = "running"
    CLOSED = "closed"
    DONE = "done"


class OwnAttempt(msgspec.Struct, frozen=True):
    """An attempt of the student; `deadline` in ms since the epoch."""

    attempt_id: UUID
    status: ShownStatus
    deadline: int | None


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    """One exam of a student, with its policy; times in ms since the epoch. `teacher` is the name of its creator.

    `acknowledged` is the version of the notice that the student acknowledged for the attempt.
    """

    exam_id: UUID
    teacher: str
    title: str
    subject: str
    topic: str
    description: str
    duration_minutes: int
    opens_at: int | None
    closes_at: int | None
    state: EnrolmentState
    monitored: bool
    kind: ExamKind
    enable_model: bool
    acknowledged: int | None
    policy: dict[str, Any]
    attempt: OwnAttempt | None


_newest_policy: Final = (
    select(ExamPolicy.settings)
    .where(ExamPolicy.exam_id == Exam.id)
    .order_by(ExamPolicy.version.desc())
    .limit(1)
    .scalar_subquery()
)


_last: Final = (
    select(ExamAttempt.id, ExamAttempt.status, ExamAttempt.deadline, ExamAttempt.notice)
    .where(ExamAttempt.exam_id == Exam.id, ExamAttempt.student_id == ExamEnrollment.student_id)
    .order_by(ExamAttempt.ix.desc())
    .limit(1)
    .lateral("last")
)
_ENROLLMENTS: Final = (
    select(
        Exam.id,
        ExamEnrollment.student_id,
        User.full_name.label("teacher"),
        Exam.title,
        Exam.subject,
        Exam.topic,
        Exam.description,
        Exam.duration_minutes,
        Exam.opens_at,
        Exam.closes_at,
        Exam.enable_monitoring,
        Exam.kind,
        Exam.enable_model,
        _newest_policy.label("policy"),
        _last.c.id.label("attempt_id"),
        _last.c.status,
        _last.c.deadline,
        _last.c.notice,
        func.now().label("now"),
    )
    .join(ExamEnrollment, ExamEnrollment.exam_id == Exam.id)
    .join(User, User.id == Exam.creator_id)
    .outerjoin(_last, true())
    .where(ExamEnrollment.removed_at.is_(None), Exam.is_published)
)
_OF_EXAM: Final = _ENROLLMENTS.where(
    Exam.id == bindparam("exam"),
    ExamEnrollment.student_id == any_(bindparam("students", type_=ARRAY(Uuid))),
)


async def list_enrollments(
    conn: AsyncConnection,
    student_id: UUID,
    *,
    only_exam: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Enrollment]:
    """List the published exams of a student, the newest first, before the exam `after`.

    `only_exam` leaves out all others.
    """
    # First, so that PostgreSQL does not walk through all exams.
    placed = (
        select(ExamEnrollment.exam_id)
        .where(ExamEnrollment.student_id == student_id, ExamEnrollment.removed_at.is_(None))
        .cte("placed")
        .prefix_with("MATERIALIZED")
    )
    found = await conn.execute(
        _ENROLLMENTS.where(
            ExamEnrollment.student_id == student_id,
            Exam.id.in_(select(placed.c.exam_id)),
            true() if only_exam is None else Exam.id == only_exam,
            true() if after is None else Exam.id < after,
        )
        .order_by(Exam.id.desc())
        .limit(limit)
    )
    return [_enrolment(row) for row in found]


async def read_enrollments(
    conn: AsyncConnection, exam_id: UUID, student_ids: Collection[UUID]
) -> dict[UUID, Enrollment]:
    """Read a published exam as it is for each of these students, if they are on its roster."""
    found = await conn.execute(_OF_EXAM, {"exam": exam_id, "students": list(student_ids)})
    return {row.student_id: _enrolment(row) for row in found}


def derive_state(
    status: AttemptStatus | None, opens_at: datetime | None, closes_at: datetime | None, now: datetime
) -> EnrolmentState:
    """Return the state of an exam for a student: from the attempt if there is one, otherwise from the opening hours."""
    if status is not None:
        return EnrolmentState.RUNNING if status in RUNNING else EnrolmentState.DONE
    if opens_at is not None and now < opens_at:
        return EnrolmentState.UPCOMING
    return EnrolmentState.OPEN if closes_at is None or now < closes_at else EnrolmentState.CLOSED


def _enrolment(row: Row[*tuple[Any, ...]]) -> Enrollment:
    status = None if row.status is None else AttemptStatus(row.status)
    return Enrollment(
        exam_id=row.id,
        teacher=row.teacher,
        title=row.title,
        subject=row.subject,
        topic=row.topic,
        description=row.description,
        duration_minutes=row.duration_minutes,
        opens_at=_ms(row.opens_at),
        closes_at=_ms(row.closes_at),
        state=derive_state(status, row.opens_at, row.closes_at, row.now),
        monitored=row.enable_monitoring,
        kind=ExamKind(row.kind),
        enable_model=row.enable_model,
        acknowledged=row.notice,
        policy=row.policy or {},
        attempt=None if status is None else OwnAttempt(row.attempt_id, show_status(status), _ms(row.deadline)),
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
