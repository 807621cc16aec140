"""What other teachers may do with an exam; only who made it, and administrators, see and say so.

A permission opens what a teacher asks for from now on; it never reaches into what has been decided.
"""

from typing import Annotated, Final
from uuid import UUID

from litestar import Router, delete, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, PathParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.queries.exams import permissions
from db.queries.exams.permissions import Grantee, Grants
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http import audit
from hub.rest.http.audit import AnyRequest
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.roles import Permission, Role

Teacher = Annotated[str, PathParameter(max_length=64, pattern=r"^[^\x00]*$", description="A teacher's username")]


@get(
    "/{exam_id:uuid}/permissions",
    summary="List who may do what",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_permissions(
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[Grantee]:
    """List the teachers who were permitted something, by username."""
    start = read_cursor(after, str)
    async with engine.connect() as conn:
        found = await permissions.list_grantees(conn, exam_id, principal.user_id, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda grantee: grantee.username)


@put(
    "/{exam_id:uuid}/permissions/{username:str}",
    summary="Permit a teacher something",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def grant_permissions(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    username: Teacher,
    data: JSONBody[Grants],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> Grantee:
    """Permit a teacher exactly this; what was permitted before and is not named ends."""
    async with engine.begin() as conn:
        grantee = await permissions.grant(conn, exam_id, principal.user_id, username, data)
        granted = [permission for permission in Permission if getattr(grantee, permission)]
        await audit.leave(
            conn,
            request,
            principal.user_id,
            "grant",
            "exam",
            exam_id,
            teacher=grantee.teacher_id,
            granted=" ".join(granted),
        )
    return grantee


@delete(
    "/{exam_id:uuid}/permissions/{username:str}",
    summary="Permit a teacher nothing any more",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def withdraw_permissions(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    username: Teacher,
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> None:
    """Take back all that was permitted; the exam does not exist for this teacher any more."""
    async with engine.begin() as conn:
        teacher_id = await permissions.withdraw(conn, exam_id, principal.user_id, username)
        await audit.leave(conn, request, principal.user_id, "withdraw", "exam", exam_id, teacher=teacher_id)


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[list_permissions, grant_permissions, withdraw_permissions],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)
