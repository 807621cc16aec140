"""Read a teacher's dashboard: the exams in figures, and open tasks. Reading it is not recorded, and changes nothing."""

import msgspec
from litestar import get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden
from db.queries.review import dashboard, flags
from db.queries.review.dashboard import ExamLine
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.teacher.flag_views import FlagSummary, show_flag

RECENT = 10
"""The number of open flags on the dashboard."""


class TeacherSummary(msgspec.Struct, frozen=True):
    """The number of all your exams, and of running and open things in the exams on the dashboard."""

    exams: int
    running_attempts: int
    open_flags: int
    awaiting_grade: int


class TeacherDashboard(msgspec.Struct, frozen=True):
    """The newest 100 exams for which you have a permission, and the newest flags without a decision."""

    exams: list[ExamLine]
    summary: TeacherSummary
    recent_flags: list[FlagSummary]


@get(
    "/dashboard",
    summary="Read your dashboard",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden),
)
async def read_dashboard(
    request: AnyRequest, engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]
) -> TeacherDashboard:
    """Read your exams in figures, newest first. Administrators see all exams."""
    async with change(engine, None) as unit:
        conn = unit.conn
        record_action(unit, request, principal.user_id, "read_dashboard", "user", principal.user_id)
        exams = await dashboard.list_exams(conn, principal.user_id, principal.role)
        total = await dashboard.count_exams(conn, principal.user_id, principal.role)
        recent = await flags.list_undecided_flags(conn, principal.user_id, principal.role, RECENT)
    summary = TeacherSummary(
        exams=total,
        running_attempts=sum(exam.running for exam in exams),
        open_flags=sum(exam.open_flags for exam in exams),
        awaiting_grade=sum(exam.awaiting_grade for exam in exams),
    )
    return TeacherDashboard(exams, summary, [show_flag(flag) for flag in recent])
