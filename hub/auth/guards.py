"""Who may come in: persons and programs at REST by token or key, at sockets by ticket or token, browsers by Origin.

A token is believed only while its session lives. Nothing here looks at an exam: object checks live in the queries.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.di import NamedDependency
from litestar.openapi.spec import Reference, SecurityScheme
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY, Forbidden
from db.queries.accounts import credentials, service_keys
from db.queries.accounts.service_keys import Program
from hub.auth import tokens
from hub.auth.tickets import hash_secret
from hub.errors import Expired, Invalid, Unauthenticated, meaning_of
from hub.settings import HubSettings
from hub.sockets import now_ms
from protocol.roles import Role, Scope

Purpose = Literal["monitor", "console"]
"""What a ticket is for: the candidate's socket or the teacher's."""

ADMITTED: Final[dict[str, frozenset[Role]]] = {
    "monitor": frozenset({Role.STUDENT}),
    "console": frozenset({Role.TEACHER, Role.ADMIN}),
}
"""Which roles may open which socket."""

AGENT_CHARS: Final = 256
"""How much of what a program calls itself is kept."""

SECURITY_SCHEMES: Final[dict[str, SecurityScheme | Reference]] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
    "service": SecurityScheme(type="http", scheme="bearer", bearer_format="service key"),
}
BEARER: Final[list[dict[str, list[str]]]] = [{"bearer": []}]
"""For a handler's `security`: it wants an access token."""

SERVICE: Final[list[dict[str, list[str]]]] = [{"service": []}]
"""For a handler's `security`: it wants a service key."""


class Principal(msgspec.Struct, frozen=True):
    """Somebody who has shown who they are, good until `auth_until` (ms since the epoch).

    `exam_id` is the one exam a candidate code opens; None for everybody who signed in by password. `address` and
    `agent` say from where and by what program they came, for the trail.
    """

    user_id: UUID
    role: Role
    name: str
    session: UUID
    auth_until: int
    exam_id: UUID | None = None
    address: str | None = None
    agent: str | None = None

    def may_sit(self, exam_id: UUID) -> bool:
        """Whether the way this person signed in is good for this exam; enrolment is the queries' business."""
        return self.role is Role.STUDENT and self.exam_id in (None, exam_id)

    def coming_by(self, connection: ASGIConnection[Any, Any, Any, Any]) -> "Principal":
        """The same person, with where this connection comes from."""
        return msgspec.structs.replace(self, address=address_of(connection), agent=agent_of(connection))


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Where somebody comes from; behind a proxy, what uvicorn makes of the headers of proxies it trusts."""
    return connection.client.host if connection.client else "unix"


def agent_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """By what program somebody comes, as it calls itself."""
    return connection.headers.get("user-agent", "")[:AGENT_CHARS]


def principal_as(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """Make the provider of a handler's `principal`: signed in, and one of these roles when any are named.

    The provider raises Unauthenticated, Expired or Forbidden.
    """

    async def provide_principal(
        request: Request[Any, Any, Any],
        engine: NamedDependency[AsyncEngine],
        settings: NamedDependency[HubSettings],
    ) -> Principal:
        claims = tokens.verify(_bearer(request), settings.jwt_secret, now_ms=now_ms())
        async with engine.connect() as conn:
            principal = await _principal_of(conn, claims.sid, claims.expires_at)
        if roles and principal.role not in roles:
            raise Forbidden(f"Only {' and '.join(roles)} accounts can do this.")
        return principal.coming_by(request)

    return provide_principal


def service_as(scope: Scope) -> Callable[..., Awaitable[Program]]:
    """Make the provider of a handler's `program`: it showed a service key that is good for this.

    The provider raises Unauthenticated or Forbidden. A person's access token is no key, and a key no token.
    """

    async def provide_program(request: Request[Any, Any, Any], engine: NamedDependency[AsyncEngine]) -> Program:
        async with engine.begin() as conn:
            program = await service_keys.find_program(conn, hash_secret(_bearer(request)))
        if program is None:
            raise Unauthenticated("The service key is not valid.")
        if scope not in program.scopes:
            raise Forbidden(f"The service key does not have the scope {scope}.")
        return program

    return provide_program


class Bearer(msgspec.Struct, frozen=True):
    """The sender of events over HTTP: a signed-in student (`principal`), or an upload token for one attempt."""

    student_id: UUID
    principal: Principal | None = None
    attempt_id: UUID | None = None


async def provide_bearer(
    request: Request[Any, Any, Any], engine: NamedDependency[AsyncEngine], settings: NamedDependency[HubSettings]
) -> Bearer:
    """Provide a handler's `bearer`. Raises Unauthenticated, Expired, or Forbidden for somebody who is no student.

    An upload token rests on no sign-in; whether its attempt still takes anything is the queries' business.
    """
    token = _bearer(request)
    if tokens.is_upload(token):
        claims = tokens.verify_upload(token, settings.jwt_secret, now_ms=now_ms())
        return Bearer(claims.sub, attempt_id=claims.attempt)
    principal = await principal_as(Role.STUDENT)(request, engine, settings)
    return Bearer(principal.user_id, principal)


async def admit_socket(
    conn: AsyncConnection, ticket: str | None, token: str | None, purpose: Purpose, settings: HubSettings
) -> Principal:
    """Admit whoever says hello with exactly one of ticket and token; a ticket is spent when the caller commits.

    Raises Unauthenticated, Expired (fetch a new one and come again), Forbidden for a role that has no business here,
    Invalid for both or neither.
    """
    if (ticket is None) is (token is None):
        raise Invalid("$.ticket", "send either a ticket or a token")
    if ticket is not None:
        principal = await _redeem(conn, ticket, purpose)
    else:
        claims = tokens.verify(token or "", settings.jwt_secret, now_ms=now_ms())
        principal = await _principal_of(conn, claims.sid, claims.expires_at)
    if principal.role not in ADMITTED[purpose]:
        raise Forbidden(f"A {principal.role} account cannot open the {purpose} socket.")
    return principal


@asynccontextmanager
async def spending(engine: AsyncEngine, ticket: str | None) -> AsyncIterator[None]:
    """Inside, a ticket is redeemed; it is spent even when its bearer is refused, and that transaction rolled back.

    Not when the hub is too busy: then the same ticket may come again.
    """
    try:
        yield
    except Exception as error:
        if ticket is not None and meaning_of(error).status < 500:
            with suppress(*AWAY):
                async with engine.begin() as conn:
                    await credentials.spend_ticket(conn, hash_secret(ticket))
        raise


def origin_allowed(headers: Headers, settings: HubSettings) -> bool:
    """Whether a handshake may go on: from an allowed origin, from the hub's own, or from a program that names none.

    `null` and schemes other than http(s) pass only by an entry of exactly that spelling.
    """
    origins = headers.getall("origin", [])
    if not origins:
        return True
    origin = origins[0].lower().rstrip("/")
    if len(origins) > 1:
        return False
    hosts = [host.lower() for host in headers.getall("host", []) if host]
    own = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    return origin in own or origin in (entry.lower().rstrip("/") for entry in settings.allowed_origins)


async def _redeem(conn: AsyncConnection, ticket: str, purpose: Purpose) -> Principal:
    spent = await credentials.spend_ticket(conn, hash_secret(ticket))
    if spent is None or spent.purpose != purpose:
        raise Unauthenticated("The ticket is not valid.")
    if spent.expired:
        raise Expired("The ticket has expired. Request another one.")
    return await _principal_of(conn, spent.session, now_ms() + tokens.LIFETIME_S * 1000)


async def _principal_of(conn: AsyncConnection, session: UUID, auth_until: int) -> Principal:
    """Who a living session belongs to; role and name as they are now, whatever the token says."""
    living = await credentials.read_session(conn, session)
    if living is None:
        raise Unauthenticated("Your session has ended. Sign in again.")
    account = living.account
    return Principal(account.user_id, account.role, account.name, session, auth_until, living.exam_id)


def _bearer(request: Request[Any, Any, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send an access token: Authorization: Bearer …")
    return token.strip()
