"""List the attempts of an exam. The list must never contain answers."""

from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries.review import attempts
from db.queries.review.attempts import AttemptSummary
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.paging import PAGE, After, Limit, Number, Page, make_page, read_cursor


@get(
    "/exams/{exam_id:uuid}/attempts",
    summary="List an exam's attempts",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_attempts(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AttemptSummary]:
    """List the attempts of an exam by their numbers."""
    last = read_cursor(after, Number)
    async with change(engine, None) as unit:
        record_action(unit, request, principal.user_id, "list_attempts", "exam", exam_id)
        found = await attempts.list_attempts(unit.conn, exam_id, user_id=principal.user_id, after=last, limit=limit + 1)
    return make_page(found, limit, lambda attempt: attempt.ix)
