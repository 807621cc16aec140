"""The dashboard of a teacher: each exam for which the user has any permission, in figures.

Never lists or counts other exams.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import Exam, ExamAttempt, ExamEnrollment, Flag
from db.queries import access
from protocol.attempts import RUNNING, ExamKind
from protocol.flags import UNDECIDED, Severity
from protocol.roles import Permission

EXAMS_MAX: Final = 100
"""The most exams on a dashboard. All of them are in the list of exams."""


class ExamLine(msgspec.Struct, frozen=True, kw_only=True):
    """One exam in figures; times in ms since the epoch.

    `awaiting_review` counts attempts with an undecided flag above a note, and `open_flags` these flags.
    `awaiting_grade` counts ended attempts without a final grade.
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
    kind: ExamKind
    permissions: list[Permission]


async def list_exams(conn: AsyncConnection, user_id: UUID, limit: int = EXAMS_MAX) -> list[ExamLine]:
    """List the exams for which the user has any permission, the newest first."""
    page = (await conn.execute(_PAGE, {"user": user_id, "most": limit})).mappings().all()
    about = {"exams": [row["id"] for row in page]}
    rosters = {row.exam_id: row for row in await conn.execute(_ROSTERS, about)}
    attempts = {row.exam_id: row for row in await conn.execute(_ATTEMPTS, about)}
    flags = {row.exam_id: row for row in await conn.execute(_FLAGS, about)}
    return [_line(row, rosters.get(row["id"]), attempts.get(row["id"]), flags.get(row["id"])) for row in page]


async def count_exams(conn: AsyncConnection, user_id: UUID) -> int:
    """Count the exams for which the user has any permission."""
    found = await conn.execute(select(func.count()).select_from(Exam).where(access.permits(user_id, *access.ANY)))
    return int(found.scalar_one())


def _line(exam: Any, roster: Any, attempts: Any, flags: Any) -> ExamLine:
    """Combine the counts of one exam; 0 where there is nothing to count."""
    return ExamLine(
        exam_id=exam["id"],
        title=exam["title"],
        subject=exam["subject"],
        is_published=exam["is_published"],
        opens_at=None if exam["opens_at"] is None else to_ms(exam["opens_at"]),
        closes_at=None if exam["closes_at"] is None else to_ms(exam["closes_at"]),
        roster_size=roster.students if roster else 0,
        attempts=attempts.attempts if attempts else 0,
        running=attempts.running if attempts else 0,
        awaiting_review=flags.attempts if flags else 0,
        awaiting_grade=attempts.ungraded if attempts else 0,
        open_flags=flags.flags if flags else 0,
        kind=ExamKind(exam["kind"]),
        permissions=[permission for permission in access.ANY if exam[permission]],
    )


_USER: Final = bindparam("user", type_=Uuid)
_AMONG: Final = any_(bindparam("exams", type_=ARRAY(PG_UUID)))
_PAGE: Final = (
    select(
        Exam.id,
        Exam.title,
        Exam.subject,
        Exam.kind,
        Exam.is_published,
        Exam.opens_at,
        Exam.closes_at,
        *(access.permits(_USER, permission).label(permission) for permission in access.ANY),
    )
    .where(access.permits(_USER, *access.ANY))
    .order_by(Exam.id.desc())
    .limit(bindparam("most"))
)
_ROSTERS: Final = (
    select(ExamEnrollment.exam_id, func.count().label("students"))
    .where(ExamEnrollment.exam_id == _AMONG, ExamEnrollment.removed_at.is_(None))
    .group_by(ExamEnrollment.exam_id)
)
_ATTEMPTS: Final = (
    select(
        ExamAttempt.exam_id,
        func.count().label("attempts"),
        func.count().filter(ExamAttempt.status.in_(RUNNING)).label("running"),
        func.count()
        .filter(ExamAttempt.completed_at.is_not(None), ExamAttempt.grade_final_at.is_(None))
        .label("ungraded"),
    )
    .where(ExamAttempt.exam_id == _AMONG)
    .group_by(ExamAttempt.exam_id)
)
_FLAGS: Final = (
    select(
        ExamAttempt.exam_id,
        func.count().label("flags"),
        func.count(Flag.attempt_id.distinct()).label("attempts"),
    )
    .join(Flag, Flag.attempt_id == ExamAttempt.id)
    .where(ExamAttempt.exam_id == _AMONG, Flag.status.in_(UNDECIDED), Flag.severity != Severity.NORMAL)
    .group_by(ExamAttempt.exam_id)
)
