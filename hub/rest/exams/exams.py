"""Exams, for those who make them and whom they permit: making, listing, editing, publishing, releasing results.

An exam one may do nothing with does not exist here: 404. Nothing here changes what is recorded of an attempt.
"""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.errors import Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries import feed
from db.queries.accounts import users
from db.queries.exams import exams
from db.queries.exams.exams import ExamView
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http import audit
from hub.rest.http.audit import AnyRequest
from hub.rest.http.fields import At, Line, Text, Title
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from judgement.policy import Preset, preset, write_policy
from protocol.console import ExamRow
from protocol.roles import Role

Minutes = Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60, examples=[90])]
Points = Annotated[float, msgspec.Meta(ge=0, le=1_000_000, examples=[50])]
Version = Annotated[int, msgspec.Meta(ge=0, description="The version that was seen; another one by now is a 409")]


class NewExam(msgspec.Struct, frozen=True, kw_only=True):
    """An exam to make: a draft that no student sees, unless it says that it is published.

    `preset` chooses its rules: what a page can see, or a camera too. It may be begun from `opens_at` until `closes_at`.
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
    is_published: bool = False


class ExamEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change, and the version of the exam it was decided on; what is left out stays as it is."""

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


@post("/", summary="Make an exam", security=BEARER, responses=problems(Invalid, Unauthenticated, Expired, Forbidden))
async def create_exam(
    request: AnyRequest,
    data: JSONBody[NewExam],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Make an exam with the first version of its policy; a draft unless `is_published` says otherwise."""
    settings = write_policy(preset(data.preset))
    values = _columns({name: value for name, value in msgspec.structs.asdict(data).items() if name != "preset"})
    _check_times(values["opens_at"], values["closes_at"])
    async with engine.begin() as conn:
        if not await users.may_create_exams(conn, principal.user_id):
            raise Forbidden("Your account cannot create exams. Ask an administrator.")
        exam_id = await exams.create_exam(conn, creator_id=principal.user_id, policy=settings, **values)
        await audit.leave(conn, request, principal.user_id, "create_exam", "exam", exam_id)
        return await exams.read_exam(conn, exam_id, principal.user_id)


@get("/", summary="List exams", security=BEARER, responses=problems(Invalid, Unauthenticated, Expired, Forbidden))
async def list_exams(
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[ExamView]:
    """List the exams one may do anything with, an administrator all, the newest first."""
    start = read_cursor(after, UUID)
    async with engine.connect() as conn:
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
    """Read one exam, and what one may do with it."""
    async with engine.connect() as conn:
        return await exams.read_exam(conn, exam_id, principal.user_id)


@patch(
    "/{exam_id:uuid}",
    summary="Edit an exam",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def edit_exam(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[ExamEdit],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Change what is named, if the exam still is as it was seen; attempts that run keep their deadlines."""
    said = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    seen = said.pop("version")
    values = _columns(said)
    async with engine.begin() as conn:
        held = await exams.lock_exam(conn, exam_id, principal.user_id)
        if held.version != seen:
            raise Conflict("The exam has changed since you opened it. Reload and try again.")
        _check_times(values.get("opens_at", held.opens_at), values.get("closes_at", held.closes_at))
        await exams.change_exam(conn, exam_id, values)
        await audit.leave(
            conn, request, principal.user_id, "edit_exam", "exam", exam_id, changed=" ".join(sorted(said))
        )
        view = await exams.read_exam(conn, exam_id, principal.user_id)
        if said.keys() & {"title", "duration_minutes"}:
            await feed.append(conn, exam_id, [ExamRow(exam_id, view.title, view.duration_minutes)])
    await notifier.notify("feed", exam_id)
    return view


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
    """Show the exam to the students on its roster; as often as wanted."""
    async with engine.begin() as conn:
        if await exams.publish_exam(conn, exam_id, principal.user_id):
            await audit.leave(conn, request, principal.user_id, "publish", "exam", exam_id)
        return await exams.read_exam(conn, exam_id, principal.user_id)


@post(
    "/{exam_id:uuid}/unpublish",
    status_code=HTTP_200_OK,
    summary="Take an exam back",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def unpublish_exam(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ExamView:
    """Hide the exam from students again; not while attempts run."""
    async with engine.begin() as conn:
        if await exams.unpublish_exam(conn, exam_id, principal.user_id):
            await audit.leave(conn, request, principal.user_id, "unpublish", "exam", exam_id)
        return await exams.read_exam(conn, exam_id, principal.user_id)


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
    """Show students their results and flags from now on; released once, they stay so."""
    async with engine.begin() as conn:
        if await exams.release_results(conn, exam_id, principal.user_id):
            await audit.leave(conn, request, principal.user_id, "release", "exam", exam_id)
        return await exams.read_exam(conn, exam_id, principal.user_id)


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
    ],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _columns(said: dict[str, Any]) -> dict[str, Any]:
    """What was said, times as the database keeps them."""
    moments = {name: from_ms(said[name]) for name in ("opens_at", "closes_at") if said.get(name) is not None}
    return said | moments


def _check_times(opens_at: datetime | None, closes_at: datetime | None) -> None:
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise Invalid("$.closes_at", "closes_at must be later than opens_at")
