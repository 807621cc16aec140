"""Create, list, edit and publish exams, and release their results.

An exam for which the user has no permission is answered with 404. This module must never change a recorded attempt.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.clock import from_ms
from db.engine import reading
from db.errors import Conflict, Forbidden, KeyReused, NotFound
from db.notify import Notifier
from db.queries.accounts import users
from db.queries.attempts import grades
from db.queries.exams import exams
from db.queries.exams.exams import ExamView, LockedExam
from db.unit import Unit, change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.exams.deletion import delete_exam
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.fields import At, Line, Text, Tidied, Title
from hub.rest.http.idempotency import Once, may_edit
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from judgement.policy import Preset, preset, write_policy
from protocol.attempts import ExamKind
from protocol.console import ExamRow
from protocol.roles import Role

Minutes = Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60, examples=[90])]
Points = Annotated[float, msgspec.Meta(ge=0, le=1_000_000, examples=[50])]
Version = Annotated[int, msgspec.Meta(ge=0, description="The version you have seen; 409 if it has changed since")]


class NewExam(Tidied, frozen=True, kw_only=True):
    """A new exam. It is a draft that no student sees, unless `is_published` is set.

    `preset` chooses its rules: for the events of a page only, or of a camera too. Students can start it between
    `opens_at` and `closes_at`. A practice exam (`kind`) counts in no figures of a student, and its attempts are deleted
    a week after their end.
    """

    title: Title
    duration_minutes: Minutes
    preset: Preset = Preset.BROWSER
    subject: Line = ""
    topic: Line = ""
    description: Text = ""
    passing_score: Points = 0
    opens_at: At | None = None
    closes_at: At | None = None
    enable_monitoring: bool = True
    enable_model: bool = False
    kind: ExamKind = ExamKind.REAL
    is_published: bool = False


class ExamEdit(Tidied, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change, and the version of the exam that you have seen. Fields that are left out stay the same."""

    version: Version
    title: Title | UnsetType = UNSET
    duration_minutes: Minutes | UnsetType = UNSET
    subject: Line | UnsetType = UNSET
    topic: Line | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    passing_score: Points | UnsetType = UNSET
    opens_at: At | UnsetType | None = UNSET
    closes_at: At | UnsetType | None = UNSET
    enable_monitoring: bool | UnsetType = UNSET
    enable_model: bool | UnsetType = UNSET
    kind: ExamKind | UnsetType = UNSET


@post(
    "/",
    summary="Create an exam",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, KeyReused, Busy),
)
async def create_exam(
    request: AnyRequest,
    data: JSONBody[NewExam],
    once: NamedDependency[Once],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Create an exam with the first version of its policy. It is a draft unless `is_published` is set."""
    settings = write_policy(preset(data.preset))
    values = _columns({name: value for name, value in msgspec.structs.asdict(data).items() if name != "preset"})
    _check_times(values["opens_at"], values["closes_at"])
    async with once.change(principal.user_id, check=_may_create) as unit:
        exam_id = await exams.create_exam(unit.conn, creator_id=principal.user_id, policy=settings, **values)
        record_action(unit, request, principal.user_id, "create_exam", "exam", exam_id)
        return once.keep(await exams.read_exam(unit.conn, exam_id, principal.user_id))


@get("/", summary="List exams", security=BEARER, responses=problems(Invalid, Unauthenticated, Expired, Forbidden))
async def list_exams(
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[ExamView]:
    """List the exams for which you have a permission, newest first. Administrators see all exams."""
    start = read_cursor(after, UUID)
    async with reading(engine) as conn:
        found = await exams.list_visible(
            conn, user_id=principal.user_id, role=principal.role, after=start, limit=limit + 1
        )
    return make_page(found, limit, key=lambda exam: exam.exam_id)


@get(
    "/{exam_id:uuid}",
    summary="Read an exam",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_exam(
    exam_id: FromPath[UUID], engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]
) -> ExamView:
    """Read one exam, and your permissions for it."""
    async with reading(engine) as conn:
        return await exams.read_exam(conn, exam_id, principal.user_id)


@patch(
    "/{exam_id:uuid}",
    summary="Edit an exam",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, KeyReused, Busy),
)
async def edit_exam(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[ExamEdit],
    once: NamedDependency[Once],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Change the given fields if the exam is still as you have seen it. Running attempts keep their deadlines.

    Another `passing_score` also decides about attempts that have a score. It cannot change once results are released.
    """
    changes = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    seen = changes.pop("version")
    values = _columns(changes)
    async with once.change(principal.user_id, notifier, check=may_edit(exam_id)) as unit:
        stored = await exams.lock_exam(unit.conn, exam_id, principal.user_id)
        if stored.version != seen:
            raise Conflict("The exam has changed since you opened it. Reload and try again.")
        _check_times(values.get("opens_at", stored.opens_at), values.get("closes_at", stored.closes_at))
        await exams.change_exam(unit.conn, exam_id, values)
        if values.get("passing_score", stored.passing_score) != stored.passing_score:
            await _decide_again(unit, exam_id, stored, values["passing_score"])
        record_action(unit, request, principal.user_id, "edit_exam", "exam", exam_id, changed=" ".join(sorted(changes)))
        exam = await exams.read_exam(unit.conn, exam_id, principal.user_id)
        if changes.keys() & {"title", "duration_minutes"}:
            unit.feed(exam_id, [ExamRow(exam_id, exam.title, exam.duration_minutes)])
        return once.keep(exam)


@post(
    "/{exam_id:uuid}/publish",
    status_code=HTTP_200_OK,
    summary="Publish an exam",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def publish_exam(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Show the exam to the students on its roster. Publishing it again changes nothing."""
    return await _change_visibility(request, engine, principal, exam_id, "publish", exams.publish_exam)


@post(
    "/{exam_id:uuid}/unpublish",
    status_code=HTTP_200_OK,
    summary="Unpublish an exam",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def unpublish_exam(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Hide the exam from students again. This is not possible while attempts are running."""
    return await _change_visibility(request, engine, principal, exam_id, "unpublish", exams.unpublish_exam)


@post(
    "/{exam_id:uuid}/release",
    status_code=HTTP_200_OK,
    summary="Release the results",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def release_results(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Show students their results and flags from now on. This cannot be undone."""
    return await _change_visibility(request, engine, principal, exam_id, "release", exams.release_results)


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[
        create_exam,
        list_exams,
        read_exam,
        edit_exam,
        publish_exam,
        unpublish_exam,
        release_results,
        delete_exam,
    ],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


async def _decide_again(unit: Unit, exam_id: UUID, stored: LockedExam, passing_score: float) -> None:
    """Decide by the new points to pass which attempts pass. Raises Conflict: students have seen whether they passed."""
    if stored.results_released_at is not None:
        raise Conflict("The results are released, so the points to pass stay as they are.")
    decided = await grades.decide_again(unit.conn, exam_id, passing_score)
    unit.mark_stale(decided)
    unit.enqueue_analysis(decided)


async def _may_create(conn: AsyncConnection, user_id: UUID) -> None:
    if not await users.may_create_exams(conn, user_id):
        raise Forbidden("Your account cannot create exams. Ask an administrator.")


async def _change_visibility(
    request: AnyRequest,
    engine: AsyncEngine,
    principal: Principal,
    exam_id: UUID,
    action: str,
    query: Callable[[AsyncConnection, UUID, UUID], Awaitable[bool]],
) -> ExamView:
    """Run a query that returns whether it changed what students see, and record `action` if it did."""
    async with change(engine, None) as unit:
        if await query(unit.conn, exam_id, principal.user_id):
            record_action(unit, request, principal.user_id, action, "exam", exam_id)
        return await exams.read_exam(unit.conn, exam_id, principal.user_id)


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a request as columns: times in ms become datetimes."""
    times = {name: from_ms(fields[name]) for name in ("opens_at", "closes_at") if fields.get(name) is not None}
    return fields | times


def _check_times(opens_at: datetime | None, closes_at: datetime | None) -> None:
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise Invalid("$.closes_at", "closes_at must be later than opens_at")
