"""List the flags of an exam, read one with its evidence, and decide about it.

A decision must never be stored here: it is the console's command, carried out by `hub/commands`. Reading a flag is
recorded in the audit log.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import Conflict, Forbidden, NotFound
from db.queries import access
from db.queries.review import flags
from db.queries.review.flags import FlagFilter
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.commands.commands import TEXT_CHARS, Commands
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.outcomes import raise_refusal
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from hub.rest.teacher.flag_views import FlagSummary, FlagView, show_case, show_flag
from protocol.console import Command
from protocol.flags import FlagStatus, Severity
from protocol.limits import NAME_CHARS
from protocol.roles import Permission


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a flag. `seen` is the status that you have seen. Sending the same `id` again decides once."""

    id: UUID
    decision: FlagStatus
    seen: FlagStatus
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=TEXT_CHARS,
            pattern=r"^[^\x00]*[^\x00\s][^\x00]*(?![\s\S])",
            description="The reason, in words that the student can read",
            examples=["The second window was the permitted formula sheet."],
        ),
    ]


@get(
    "/exams/{exam_id:uuid}/flags",
    summary="List an exam's flags",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_flags(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    status: Annotated[FlagStatus | None, QueryParameter(description="Only flags of this status")] = None,
    severity: Annotated[Severity | None, QueryParameter(description="Only flags of this severity")] = None,
    rule: Annotated[
        str | None,
        QueryParameter(max_length=NAME_CHARS, pattern=r"^[a-z0-9_]*$", description="Only flags of this rule"),
    ] = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[FlagSummary]:
    """List the flags of an exam, newest first."""
    last = read_cursor(after, UUID)
    async with change(engine, None) as unit:
        record_action(unit, request, principal.user_id, "list_flags", "exam", exam_id)
        found = await flags.list_exam_flags(
            unit.conn,
            exam_id,
            user_id=principal.user_id,
            wanted=FlagFilter(status, severity, rule),
            after=last,
            limit=limit + 1,
        )
    return make_page([show_flag(record) for record in found], limit, lambda flag: flag.flag_id)


@get(
    "/flags/{flag_id:uuid}",
    summary="Read a flag with its evidence",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_flag(
    request: AnyRequest,
    flag_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> FlagView:
    """Read a flag with the events it cites, its known false alarms, and the decisions about it."""
    async with change(engine, None) as unit:
        case = await flags.read_flag_case(unit.conn, flag_id, principal.user_id)
        record_action(unit, request, principal.user_id, "read_flag", "flag", flag_id)
    return show_case(case)


@post(
    "/flags/{flag_id:uuid}/review",
    status_code=HTTP_200_OK,
    summary="Decide about a flag",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, Busy),
)
async def review_flag(
    flag_id: FromPath[UUID],
    data: JSONBody[Review],
    engine: NamedDependency[AsyncEngine],
    commands: NamedDependency[Commands],
    principal: NamedDependency[Principal],
) -> FlagView:
    """Confirm, dismiss or escalate a flag if its status has not changed. Otherwise, 409 names the earlier reviewer.

    Sending the same decision again does nothing and has the same answer.
    """
    async with reading(engine) as conn:
        exam_id = await access.require_for_flag(conn, flag_id, principal.user_id, Permission.REVIEW)
    command = Command(
        id=data.id,
        exam_id=exam_id,
        action="review",
        flag_id=flag_id,
        decision=data.decision,
        seen=data.seen,
        reason=data.reason,
    )
    raise_refusal(await commands.carry_out(principal, command))
    async with reading(engine) as conn:
        return show_case(await flags.read_flag_case(conn, flag_id, principal.user_id))
