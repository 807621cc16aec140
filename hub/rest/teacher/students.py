"""One student's record, and the students to look after, for their teachers; reading a record leaves a row in the trail.

Of exams the teacher may not see nothing is told, not even that they were sat.
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
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, leave
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.analysis import DropoutLabel


class Risk(msgspec.Struct, frozen=True):
    """What a student's figures come to; null and false while they are not told."""

    label: DropoutLabel | None
    flagged: bool


class StudentRecord(msgspec.Struct, frozen=True):
    """A student, their attempts at exams one may see, the newest first, and what those come to.

    `metrics` is over all attempts whose review is final. It is null before there are any, and to who may not see every
    exam the student has sat.
    """

    profile: StudentCard
    attempts: list[AttemptSummary]
    metrics: Metrics | None
    risk: Risk


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
    """Read who a student is, what they sat in exams one may see, and how they are doing."""
    async with engine.begin() as conn:
        profile = await students.read_card(conn, student_id, principal.user_id)
        attempts = await students.list_attempts(conn, student_id, principal.user_id)
        metrics = await students.read_metrics(conn, student_id, principal.user_id)
        await leave(conn, request, principal.user_id, "read_student", "user", student_id)
    label = None if metrics is None else metrics.current_risk_label
    risk = Risk(label, flagged=metrics is not None and metrics.flagged_for_intervention)
    return StudentRecord(profile, attempts, metrics, risk)


@get(
    "/flagged-students",
    summary="List the students to look after",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_flagged_students(
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    exam_id: Annotated[UUID | None, QueryParameter(description="Of this exam only")] = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[FlaggedStudent]:
    """List who has a flagged attempt, or one of high risk, in the exams one may analyse, or is flagged over all."""
    place = read_cursor(after, UUID)
    async with engine.connect() as conn:
        found = await students.list_flagged(
            conn, principal.user_id, role=principal.role, exam_id=exam_id, after=place, limit=limit + 1
        )
    return make_page(found, limit, lambda student: student.student_id)
