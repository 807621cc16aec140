"""The first page of a teacher: their exams as they stand, and what awaits them. Reading it leaves no trail."""

import msgspec
from litestar import get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden
from db.queries.review import dashboard, flags
from db.queries.review.dashboard import ExamLine
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Unauthenticated, problems
from hub.rest.teacher.responses import FlagSummary, show_flag

RECENT = 10
"""How many open flags the first page shows."""


class TeacherSummary(msgspec.Struct, frozen=True):
    """All one's exams counted, and what is going on or open in those that are shown."""

    exams: int
    running_attempts: int
    open_flags: int
    awaiting_grade: int


class TeacherDashboard(msgspec.Struct, frozen=True):
    """The newest 100 exams one may do anything with, and the newest flags nobody has decided about."""

    exams: list[ExamLine]
    summary: TeacherSummary
    recent_flags: list[FlagSummary]


@get(
    "/dashboard",
    summary="See what awaits you",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden),
)
async def read_dashboard(
    engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]
) -> TeacherDashboard:
    """Read one's exams in figures, the newest first; an administrator's are all."""
    async with engine.connect() as conn:
        exams = await dashboard.list_exams(conn, principal.user_id)
        total = await dashboard.count_exams(conn, principal.user_id)
        recent = await flags.list_undecided_flags(conn, principal.user_id, RECENT)
    summary = TeacherSummary(
        exams=total,
        running_attempts=sum(exam.running for exam in exams),
        open_flags=sum(exam.open_flags for exam in exams),
        awaiting_grade=sum(exam.awaiting_grade for exam in exams),
    )
    return TeacherDashboard(exams, summary, [show_flag(flag) for flag in recent])
