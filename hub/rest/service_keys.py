"""Service keys, for administrators: what programs come in with. A key is shown once, in the answer that made it.

Nothing here is a program's to call.
"""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.queries.accounts import service_keys
from db.queries.accounts.service_keys import KeyView
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.tickets import draw_secret, hash_secret
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http import audit
from hub.rest.http.audit import AnyRequest
from hub.rest.http.fields import ProgramName
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.roles import Role, Scope

PREFIX: Final = "vsk_"
"""What a key begins with, so that who finds one somewhere knows what it is."""


class NewKey(msgspec.Struct, frozen=True):
    """A key to give to the program of this name; keys of one name are one program's."""

    name: ProgramName
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]


class GivenKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key itself: it is shown only now."""

    key_id: UUID
    name: str
    scopes: list[Scope]
    key: str


@post(
    "/",
    summary="Give a program a key",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Conflict),
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
)
async def give_key(
    request: AnyRequest,
    data: JSONBody[NewKey],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> GivenKey:
    """Draw a key and store its hash; whoever has it may do what its scopes say."""
    key = PREFIX + draw_secret()
    async with engine.begin() as conn:
        given = await service_keys.create_key(conn, data.name, sorted(set(data.scopes)), hash_secret(key))
        await audit.leave(
            conn,
            request,
            principal.user_id,
            "give_key",
            "service_key",
            given.key_id,
            name=given.name,
            scopes=" ".join(given.scopes),
        )
    return GivenKey(key_id=given.key_id, name=given.name, scopes=given.scopes, key=key)


@get(
    "/",
    summary="List service keys",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden),
)
async def list_keys(
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[KeyView]:
    """List every key that was ever given, the newest first, without the keys themselves."""
    del principal
    start = read_cursor(after, UUID)
    async with engine.connect() as conn:
        found = await service_keys.list_keys(conn, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda key: key.key_id)


@delete(
    "/{key_id:uuid}",
    summary="Revoke a service key",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def revoke_key(
    request: AnyRequest,
    key_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> None:
    """Let a key be good no longer, from the next call on."""
    async with engine.begin() as conn:
        await service_keys.revoke_key(conn, key_id)
        await audit.leave(conn, request, principal.user_id, "revoke_key", "service_key", key_id)


router: Final = Router(
    path="/admin/service-keys",
    tags=["admin"],
    route_handlers=[give_key, list_keys, revoke_key],
    dependencies={"principal": Provide(principal_as(Role.ADMIN))},
)
