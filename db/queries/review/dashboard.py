"""The dashboard of a teacher: each exam for which the user has any permission, in figures.

Never lists or counts other exams.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, any_, bindparam, exists, func, select, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import Exam, ExamCount, Flag, User
from db.queries import access
from protocol.attempts import ExamKind
from protocol.roles import Permission, Role

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


async def list_exams(conn: AsyncConnection, user_id: UUID, role: Role, limit: int = EXAMS_MAX) -> list[ExamLine]:
    """List the exams for which the user has any permission, the newest first.

    `role` is only for speed: the query checks the access.
    """
    statement = _PAGE if role is Role.ADMIN else _PAGE.where(Exam.id.in_(access.near(_USER)))
    page = (await conn.execute(statement, {"user": user_id, "most": limit})).mappings().all()
    about = {"exams": [row["id"] for row in page]}
    counts = {row.exam_id: row for row in await conn.execute(_COUNTS, about)}
    flags = {row.exam_id: row for row in await conn.execute(_FLAGS, about)}
    return [_line(row, counts.get(row["id"]), flags.get(row["id"])) for row in page]


async def count_exams(conn: AsyncConnection, user_id: UUID, role: Role) -> int:
    """Count the exams for which the user has any permission. `role` is only for speed."""
    if role is Role.ADMIN:
        is_admin = exists().where(User.id == user_id, User.is_active, User.role == Role.ADMIN)
        query = select(func.count()).select_from(Exam).where(is_admin)
    else:
        near = Exam.id.in_(access.near(user_id))
        query = select(func.count()).select_from(Exam).where(near, access.permits(user_id, *access.ANY))
    return int((await conn.execute(query)).scalar_one())


def _line(exam: Any, counts: Any, flags: Any) -> ExamLine:
    """Combine the counts of one exam; 0 where there is nothing to count."""
    return ExamLine(
        exam_id=exam["id"],
        title=exam["title"],
        subject=exam["subject"],
        is_published=exam["is_published"],
        opens_at=None if exam["opens_at"] is None else to_ms(exam["opens_at"]),
        closes_at=None if exam["closes_at"] is None else to_ms(exam["closes_at"]),
        roster_size=counts.roster if counts else 0,
        attempts=counts.attempts if counts else 0,
        running=counts.running if counts else 0,
        awaiting_review=flags.attempts if flags else 0,
        awaiting_grade=counts.ungraded if counts else 0,
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
_COUNTS: Final = (
    select(
        ExamCount.exam_id,
        *(
            func.sum(column).label(column.key)
            for column in (ExamCount.roster, ExamCount.attempts, ExamCount.running, ExamCount.ungraded)
        ),
    )
    .where(ExamCount.exam_id == _AMONG)
    .group_by(ExamCount.exam_id)
)
# With constants, so that the planner can use the partial index, which contains all that is read.
_FLAGS: Final = (
    select(
        Flag.exam_id,
        func.count().label("flags"),
        func.count(Flag.attempt_id.distinct()).label("attempts"),
    )
    .where(Flag.exam_id == _AMONG, text("flags.status IN ('open', 'escalated') AND flags.severity <> 'normal'"))
    .group_by(Flag.exam_id)
)
