"""Delete an exam with everything of it. Never while an attempt runs or is held, and only by its creator or an admin."""

from uuid import UUID

from litestar import delete
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.queries import access
from db.queries.retention import removal
from db.retention import deletion
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action


@delete(
    "/{exam_id:uuid}",
    summary="Delete an exam",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def delete_exam(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> None:
    """Delete an exam with its items, roster, attempts, events, answers and flags. This cannot be undone.

    If it is interrupted, a worker finishes it within a day.
    """
    async with change(engine, None) as unit:
        await access.require_creator(unit.conn, exam_id, principal.user_id)
        await removal.begin_exam_deletion(unit.conn, exam_id)
        record_action(unit, request, principal.user_id, "delete_exam", "exam", exam_id)
    await deletion.delete_exam(engine, exam_id)
