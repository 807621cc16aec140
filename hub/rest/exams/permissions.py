"""Read and change the permissions of other teachers for an exam. Only its creator and administrators can do this.

Changing a permission must never change an earlier decision; it applies to later requests only.
"""

from typing import Annotated, Final
from uuid import UUID

from litestar import Router, delete, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, PathParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import Conflict, Forbidden, NotFound
from db.queries.exams import permissions
from db.queries.exams.permissions import Grantee, Grants
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.roles import Permission, Role

Teacher = Annotated[str, PathParameter(max_length=64, pattern=r"^[^\x00]*$", description="A teacher's username")]


@get(
    "/{exam_id:uuid}/permissions",
    summary="List permissions",
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
    """List the teachers who have permissions for the exam, by username."""
    start = read_cursor(after, str)
    async with reading(engine) as conn:
        found = await permissions.list_grantees(conn, exam_id, principal.user_id, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda grantee: grantee.username)


@put(
    "/{exam_id:uuid}/permissions/{username:str}",
    summary="Set the permissions of a teacher",
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
    """Set exactly these permissions for a teacher. Earlier ones that are left out end."""
    async with change(engine, None) as unit:
        grantee = await permissions.grant(unit.conn, exam_id, principal.user_id, username, data)
        granted = [permission for permission in Permission if getattr(grantee, permission)]
        record_action(
            unit,
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
    summary="Remove the permissions of a teacher",
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
    """Remove all permissions of a teacher for the exam. The teacher cannot see it any more."""
    async with change(engine, None) as unit:
        teacher_id = await permissions.withdraw(unit.conn, exam_id, principal.user_id, username)
        record_action(unit, request, principal.user_id, "withdraw", "exam", exam_id, teacher=teacher_id)


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[list_permissions, grant_permissions, withdraw_permissions],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)
