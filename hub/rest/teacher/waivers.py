"""Let a student read the paper of a monitored exam without a connection. It is the console's command, for programs."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import Conflict, Forbidden, NotFound
from db.queries import access
from hub.auth.guards import BEARER, Principal
from hub.commands.commands import TEXT_CHARS, Commands
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.outcomes import raise_refusal
from protocol.console import Command
from protocol.roles import Permission


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """Why the student may work without a connection. Sending the same `id` again waives once."""

    id: UUID
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=TEXT_CHARS,
            pattern=r"^[^\x00]*[^\x00\s][^\x00]*(?![\s\S])",
            examples=["The network of the room blocks WebSockets. I am watching in person."],
        ),
    ]


@post(
    "/attempts/{attempt_id:uuid}/waiver",
    status_code=HTTP_204_NO_CONTENT,
    summary="Waive the connection of an attempt",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, Busy),
)
async def waive_stream(
    attempt_id: FromPath[UUID],
    data: JSONBody[Waiver],
    engine: NamedDependency[AsyncEngine],
    commands: NamedDependency[Commands],
    principal: NamedDependency[Principal],
) -> None:
    """Let the student of a running, monitored attempt read the paper although no client of it can connect."""
    async with reading(engine) as conn:
        exam_id = await access.require_for_attempt(conn, attempt_id, principal.user_id, Permission.INVIGILATE)
    command = Command(id=data.id, exam_id=exam_id, action="waive", to=[attempt_id], reason=data.reason)
    raise_refusal(await commands.carry_out(principal, command))
