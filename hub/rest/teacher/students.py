"""Read the record of a student, and list the students who need attention. Reading a record is recorded.

The answers must never contain anything about exams that the teacher cannot see, not even that they were taken.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries.review import students
from db.queries.review.attempts import AttemptSummary
from db.queries.review.students import FlaggedStudent, Metrics, StudentCard
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.analysis import DropoutLabel


class StudentRisk(msgspec.Struct, frozen=True):
    """The risk of a student; null and false if you cannot see it."""

    label: DropoutLabel | None
    flagged: bool


class StudentRecord(msgspec.Struct, frozen=True):
    """A student with the attempts at exams that you can see, newest first, and the figures of all attempts.

    `metrics` covers all attempts whose grade is final. It is null if there are none, or if you cannot see all exams of
    the student.
    """

    profile: StudentCard
    attempts: list[AttemptSummary]
    metrics: Metrics | None
    risk: StudentRisk


@get(
    "/students/{student_id:uuid}",
    summary="Read a student's record",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_student(
    request: AnyRequest,
    student_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> StudentRecord:
    """Read a student's profile, attempts and figures."""
    async with change(engine, None) as unit:
        conn = unit.conn
        profile = await students.read_card(conn, student_id, principal.user_id)
        attempts = await students.list_attempts(conn, student_id, principal.user_id)
        metrics = await students.read_metrics(conn, student_id, principal.user_id)
        record_action(unit, request, principal.user_id, "read_student", "user", student_id)
    label = None if metrics is None else metrics.current_risk_label
    risk = StudentRisk(label, flagged=metrics is not None and metrics.flagged_for_intervention)
    return StudentRecord(profile, attempts, metrics, risk)


@get(
    "/flagged-students",
    summary="List the students who need attention",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_flagged_students(
    request: AnyRequest,
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    exam_id: Annotated[UUID | None, QueryParameter(description="Only students of this exam")] = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[FlaggedStudent]:
    """List students with a flagged or high-risk attempt in exams you can analyze, or with a flag over all attempts."""
    last = read_cursor(after, UUID)
    async with change(engine, None) as unit:
        record_action(unit, request, principal.user_id, "list_flagged_students", "exam", exam_id or "all")
        found = await students.list_flagged(
            unit.conn, principal.user_id, role=principal.role, exam_id=exam_id, after=last, limit=limit + 1
        )
    return make_page(found, limit, lambda student: student.student_id)
