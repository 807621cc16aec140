"""List the exams of a student, and start one. An exam must never appear here before it is published."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import to_ms
from db.engine import reading
from db.errors import Conflict, Forbidden, NotFound, NoticeChanged, NotOpen
from db.queries.exams import student_exams
from db.queries.exams.student_exams import Enrollment, EnrolmentState, OwnAttempt
from db.queries.retention.worker_settings import DataSettings
from hub.auth.guards import BEARER, Principal, attempt_place
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from hub.rest.student import notices
from hub.rest.student.batches import AttemptBatches, StartRequest
from hub.settings import HubSettings
from judgement.notice import Notice
from protocol.attempts import ExamKind, ShownStatus, show_status


class EnrolmentView(msgspec.Struct, frozen=True, kw_only=True):
    """One exam of a student, with its notice about recorded data and the attempt. Times are in ms since the epoch.

    `teacher` is the name of the user who created the exam.
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
    notice: Notice
    attempt: OwnAttempt | None


class Start(msgspec.Struct, frozen=True):
    """`notice` is the version of the notice that the student has read and acknowledged."""

    notice: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


class Started(msgspec.Struct, frozen=True):
    """The running attempt, with its deadline and the server's time in ms since the epoch."""

    attempt_id: UUID
    status: ShownStatus
    deadline: int | None
    server_at: int


@get(
    "/exams",
    summary="List your exams",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden),
)
async def list_enrolments(
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[EnrolmentView]:
    """List the exams in which you are enrolled, newest first. After a sign-in by code, only that exam."""
    after_exam = read_cursor(after, UUID)
    async with reading(engine) as conn:
        found = await student_exams.list_enrollments(
            conn, principal.user_id, only_exam=principal.exam_id, after=after_exam, limit=limit + 1
        )
        data = await notices.read_settings(conn, settings)
    return make_page([_view(exam, data) for exam in found], limit, lambda exam: exam.exam_id)


@post(
    "/exams/{exam_id:uuid}/start",
    status_code=HTTP_200_OK,
    summary="Start or resume an exam",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, NotOpen, NoticeChanged, Busy),
)
async def start_attempt(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    batches: NamedDependency[AttemptBatches],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
    data: JSONBody[Start | None] = None,
) -> Started:
    """Start an attempt, or return the running one. You can do this from any computer, and again.

    A monitored exam starts only with the version of the notice that is shown now.
    """
    if not principal.may_sit:
        raise Forbidden("Sign in with your exam code to take an exam.")
    if not principal.may_take(exam_id):
        raise NotFound(f"You have no exam {exam_id}.")
    opened = await batches.start(
        exam_id,
        principal.user_id,
        StartRequest(
            acknowledged=None if data is None else data.notice,
            place_of=lambda attempt_id: attempt_place(request, attempt_id, settings.keys.data),
        ),
    )
    deadline = None if opened.deadline is None else to_ms(opened.deadline)
    return Started(opened.attempt_id, show_status(opened.status), deadline, to_ms(opened.now))


def _view(enrolment: Enrollment, data: DataSettings) -> EnrolmentView:
    values: dict[str, Any] = msgspec.structs.asdict(enrolment)
    for name in ("policy", "enable_model", "acknowledged"):
        del values[name]
    return EnrolmentView(**values, notice=notices.notice_of(enrolment, data))
