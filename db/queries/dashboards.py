"""What awaits a teacher: each exam they may do anything with, in figures, the newest first.

An exam they may do nothing with is neither listed nor counted.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import Exam, ExamAttempt, ExamEnrollment, Flag
from db.queries import access
from db.queries.summaries import UNDECIDED
from protocol.attempts import RUNNING
from protocol.exams import Permission
from protocol.flags import Severity

EXAMS_MAX: Final = 100
"""As many exams as a dashboard shows; all of them are in the list of exams."""


class ExamLine(msgspec.Struct, frozen=True, kw_only=True):
    """One exam as it stands; times in ms since the epoch.

    `awaiting_review` counts attempts with a flag nobody has decided about, notes aside, `open_flags` those flags;
    `awaiting_grade` counts attempts that have ended without a final grade.
    """

    exam_id: UUID
    title: str
    subject: str
    is_published: bool
    opens_at: int | None
    closes_at: int | None
    roster_size: int
    attempts: int
    running: int
    awaiting_review: int
    awaiting_grade: int
    open_flags: int
    permissions: list[Permission]


async def list_exams(conn: AsyncConnection, user_id: UUID, limit: int = EXAMS_MAX) -> list[ExamLine]:
    """List the exams this user may do anything with, the newest first."""
    # The page first, then the figures of its exams only.
    held = {one: access.permits(user_id, one) for one in access.ANY}
    page = (
        select(
            Exam.id,
            Exam.title,
            Exam.subject,
            Exam.is_published,
            Exam.opens_at,
            Exam.closes_at,
            *(condition.label(one) for one, condition in held.items()),
        )
        .where(access.permits(user_id, *access.ANY))
        .order_by(Exam.id.desc())
        .limit(limit)
        .cte("page")
        .prefix_with("MATERIALIZED")
    )
    roster, attempts, flags = _roster(page.c.id), _attempts(page.c.id), _flags(page.c.id)
    found = await conn.execute(
        select(page, roster, attempts, flags)
        .select_from(page)
        .join(roster, true())
        .join(attempts, true())
        .join(flags, true())
        .order_by(page.c.id.desc())
    )
    return [_line(row) for row in found.mappings()]


async def count_exams(conn: AsyncConnection, user_id: UUID) -> int:
    """How many exams this user may do anything with."""
    found = await conn.execute(select(func.count()).select_from(Exam).where(access.permits(user_id, *access.ANY)))
    return int(found.scalar_one())


def _roster(exam_id: ColumnElement[UUID]) -> Any:
    return (
        select(func.count().label("roster_size"))
        .where(ExamEnrollment.exam_id == exam_id, ExamEnrollment.removed_at.is_(None))
        .lateral("roster")
    )


def _attempts(exam_id: ColumnElement[UUID]) -> Any:
    ungraded = ExamAttempt.completed_at.is_not(None) & ExamAttempt.grade_final_at.is_(None)
    return (
        select(
            func.count().label("attempts"),
            func.count().filter(ExamAttempt.status.in_(RUNNING)).label("running"),
            func.count().filter(ungraded).label("awaiting_grade"),
        )
        .where(ExamAttempt.exam_id == exam_id)
        .lateral("sittings")
    )


def _flags(exam_id: ColumnElement[UUID]) -> Any:
    return (
        select(func.count().label("open_flags"), func.count(Flag.attempt_id.distinct()).label("awaiting_review"))
        .join(ExamAttempt, ExamAttempt.id == Flag.attempt_id)
        .where(ExamAttempt.exam_id == exam_id, Flag.status.in_(UNDECIDED), Flag.severity != Severity.NORMAL)
        .lateral("undecided")
    )


def _line(row: Any) -> ExamLine:
    return ExamLine(
        exam_id=row["id"],
        title=row["title"],
        subject=row["subject"],
        is_published=row["is_published"],
        opens_at=None if row["opens_at"] is None else to_ms(row["opens_at"]),
        closes_at=None if row["closes_at"] is None else to_ms(row["closes_at"]),
        roster_size=row["roster_size"],
        attempts=row["attempts"],
        running=row["running"],
        awaiting_review=row["awaiting_review"],
        awaiting_grade=row["awaiting_grade"],
        open_flags=row["open_flags"],
        permissions=[one for one in access.ANY if row[one]],
    )
