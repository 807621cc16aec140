"""Erase a person, and hold the data of attempts. For administrators only.

An attempt that runs is never erased. A held one is only erased when the administrator forces it. The audit log must
never get a text about the person, because its rows stay.
"""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.errors import Conflict, Forbidden, KeyReused, NotFound
from db.notify import Notifier
from db.queries.retention import holds, removal
from db.queries.retention.holds import HoldView
from db.retention.deletion import erase_person
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.fields import At
from hub.rest.http.idempotency import Once
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from hub.sockets import now_ms
from protocol.console import StudentRow
from protocol.roles import Role

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]*\S[^\x00]*$")]

ERASED_NAME: Final = "Erased user"


class ErasureReason(StrEnum):
    """Why a person is erased. It stays in the audit log."""

    REQUESTED = "requested"
    LEFT = "left"
    LEGAL = "legal"
    MISTAKE = "mistake"


class Erasure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reason`: the person asked for it, has left, the law requires it, or the data should not exist.

    `force` also erases attempts that are held by a flag or an administrator.
    """

    reason: ErasureReason
    force: bool = False


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """The erased user, and the number of attempts of which only times and marks are left."""

    user_id: UUID
    attempts: int


class NewHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the data of an attempt must be kept, and until when (ms since the epoch); without `until` it has no end."""

    attempt_id: UUID
    reason: Reason
    until: At | None = None


@post(
    "/users/{user_id:uuid}/erase",
    status_code=HTTP_200_OK,
    summary="Erase a person",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def erase_user(
    request: AnyRequest,
    user_id: FromPath[UUID],
    data: JSONBody[Erasure],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> Erased:
    """Delete everything about a student or teacher. This cannot be undone; repeating it finishes what was interrupted.

    The account stays without a name, so that the audit log can be checked; attempts stay with times and marks.
    """
    async with change(engine, None) as unit:
        await removal.begin_erasure(unit.conn, user_id, is_forced=data.force)
        record_action(unit, request, principal.user_id, "erase", "user", user_id, reason=data.reason, force=data.force)
    attempts = await erase_person(engine, user_id)
    async with change(engine, notifier) as unit:
        for exam_id in await removal.list_exams_of_student(unit.conn, user_id):
            unit.feed(exam_id, [StudentRow(user_id, ERASED_NAME, on_roster=False)])
    return Erased(user_id=user_id, attempts=attempts)


@post(
    "/holds",
    summary="Hold the data of an attempt",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, KeyReused, Busy),
)
async def place_hold(
    request: AnyRequest,
    data: JSONBody[NewHold],
    once: NamedDependency[Once],
    principal: NamedDependency[Principal],
) -> HoldView:
    """Keep the data of an attempt past their time, for example during an appeal."""
    until = None if data.until is None else from_ms(data.until)
    if data.until is not None and data.until <= now_ms():
        raise Invalid("$.until", "must be later than now, in ms since the epoch")
    async with once.change(principal.user_id) as unit:
        hold = await holds.place_hold(
            unit.conn, data.attempt_id, placed_by=principal.user_id, reason=data.reason, until=until
        )
        record_action(unit, request, principal.user_id, "hold", "attempt", data.attempt_id, hold_id=hold.hold_id)
        return once.keep(hold)


@get(
    "/holds",
    summary="List holds",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden),
)
async def list_holds(
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    attempt_id: Annotated[UUID | None, QueryParameter(description="Only holds of this attempt")] = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[HoldView]:
    """List the holds that were not released, newest first."""
    del principal
    start = read_cursor(after, UUID)
    async with engine.connect() as conn:
        found = await holds.list_holds(conn, attempt_id=attempt_id, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda hold: hold.hold_id)


@delete(
    "/holds/{hold_id:uuid}",
    status_code=HTTP_200_OK,
    summary="Release a hold",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def release_hold(
    request: AnyRequest,
    hold_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> HoldView:
    """Release a hold. What is past its time is then deleted with the next daily run."""
    async with change(engine, None) as unit:
        hold = await holds.release_hold(unit.conn, hold_id, released_by=principal.user_id)
        record_action(unit, request, principal.user_id, "release_hold", "attempt", hold.attempt_id, hold_id=hold_id)
        return hold


router: Final = Router(
    path="/admin",
    tags=["admin"],
    route_handlers=[erase_user, place_hold, list_holds, release_hold],
    dependencies={"principal": Provide(principal_as(Role.ADMIN))},
)
