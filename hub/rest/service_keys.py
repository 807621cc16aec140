"""Create, list and revoke service keys, with which programs authenticate. For administrators only.

A key must never be stored or shown twice: it is in the one response that created it, and the database has its hash.
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

from db.errors import Conflict, Forbidden, KeyReused, NotFound
from db.queries.accounts import service_keys
from db.queries.accounts.service_keys import KeyView
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.tickets import draw_secret, hash_secret
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.fields import ProgramName
from hub.rest.http.idempotency import Once
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.roles import Role, Scope

PREFIX: Final = "vsk_"
"""The start of every key, so that a key found somewhere can be recognized."""


class NewKey(msgspec.Struct, frozen=True):
    """A new key for the program of this name. Keys with the same name belong to one program."""

    name: ProgramName
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]


class GivenKey(msgspec.Struct, frozen=True, kw_only=True):
    """The new key. It is not shown again: a repeated request with the same `Idempotency-Key` gets null as `key`."""

    key_id: UUID
    name: str
    scopes: list[Scope]
    key: str | None


@post(
    "/",
    summary="Create a service key",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Conflict, KeyReused, Busy),
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
)
async def give_key(
    request: AnyRequest,
    data: JSONBody[NewKey],
    once: NamedDependency[Once],
    principal: NamedDependency[Principal],
) -> GivenKey:
    """Create a key with these scopes and store its hash. If the answer was lost, revoke the key and create another."""
    key = PREFIX + draw_secret()
    async with once.change(principal.user_id) as unit:
        created = await service_keys.create_key(unit.conn, data.name, sorted(set(data.scopes)), hash_secret(key))
        record_action(
            unit,
            request,
            principal.user_id,
            "give_key",
            "service_key",
            created.key_id,
            scopes=" ".join(created.scopes),
        )
        given = GivenKey(key_id=created.key_id, name=created.name, scopes=created.scopes, key=key)
        return once.keep(given, repeated=msgspec.structs.replace(given, key=None))


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
    """List all keys, newest first, without their secrets."""
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
    """Revoke a key. The next request with it is rejected."""
    async with change(engine, None) as unit:
        await service_keys.revoke_key(unit.conn, key_id)
        record_action(unit, request, principal.user_id, "revoke_key", "service_key", key_id)


router: Final = Router(
    path="/admin/service-keys",
    tags=["admin"],
    route_handlers=[give_key, list_keys, revoke_key],
    dependencies={"principal": Provide(principal_as(Role.ADMIN))},
)
