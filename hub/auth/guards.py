"""Authenticate users and programs: REST by access token or service key, sockets by ticket or token, browsers by origin.

A token must never be accepted after its session has ended. Permissions for an exam are not checked here but in the
queries.
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

from db.engine import reading
from db.errors import AWAY, Forbidden
from db.queries.accounts import credentials, service_keys
from db.queries.accounts.service_keys import Program
from hub.auth import tokens
from hub.auth.pseudonyms import make_pseudonym, pseudonym_of
from hub.auth.tickets import hash_secret
from hub.errors import Expired, Invalid, SetupRequired, Unauthenticated, meaning_of
from hub.settings import HubSettings
from hub.sockets import now_ms
from protocol.roles import Role, Scope

Purpose = Literal["monitor", "console"]
"""The socket that a ticket opens: the student's or the teacher's."""

SOCKET_ROLES: Final[dict[str, frozenset[Role]]] = {
    "monitor": frozenset({Role.STUDENT}),
    "console": frozenset({Role.TEACHER, Role.ADMIN}),
}
"""The roles that can open each socket."""

AGENT_CHARS: Final = 256
"""The maximum length of a stored user agent."""

SECURITY_SCHEMES: Final[dict[str, SecurityScheme | Reference]] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
    "service": SecurityScheme(type="http", scheme="bearer", bearer_format="service key"),
}
BEARER: Final[list[dict[str, list[str]]]] = [{"bearer": []}]
"""For a handler's `security`: it needs an access token."""

SERVICE: Final[list[dict[str, list[str]]]] = [{"service": []}]
"""For a handler's `security`: it needs a service key."""


class Principal(msgspec.Struct, frozen=True):
    """An authenticated user; the sign-in is valid until `auth_until` (ms since the epoch).

    After a sign-in by exam code, `exam_id` is the only exam for which it is valid, and the role is that of a student,
    regardless of the stored role; after a sign-in by password `exam_id` is None. `is_self_made`: the user made the
    account, so a password does not prove who sits an exam. `address`, its keyed hash `place` and the user agent `agent`
    are for the audit log.
    """

    user_id: UUID
    role: Role
    name: str
    session: UUID
    auth_until: int
    exam_id: UUID | None = None
    address: str | None = None
    agent: str | None = None
    place: str | None = None
    is_self_made: bool = False

    @property
    def may_sit(self) -> bool:
        """Whether the sign-in proves who sits an exam: the password of an account that its user made does not."""
        return self.exam_id is not None or not self.is_self_made

    def may_take(self, exam_id: UUID) -> bool:
        """Return whether this sign-in is valid for an attempt at this exam; the queries check the roster."""
        return self.may_sit and self.role is Role.STUDENT and self.exam_id in (None, exam_id)

    def connected_by(self, connection: ASGIConnection[Any, Any, Any, Any]) -> "Principal":
        """Return this principal with the address and the user agent of a connection."""
        return msgspec.structs.replace(
            self, address=address_of(connection), agent=agent_of(connection), place=place_of(connection)
        )


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the address of a client; behind a trusted proxy, the one that the proxy names."""
    return connection.client.host if connection.client else "unix"


def place_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the keyed hash of a client's address; None in an app without a key."""
    return pseudonym_of(connection, "audit", address_of(connection))


def attempt_place(connection: ASGIConnection[Any, Any, Any, Any], attempt_id: UUID, secret: str) -> str:
    """Return the place from which a request or a socket of an attempt comes: a keyed hash of address and program.

    Two places of one attempt can be compared; places of two attempts cannot.
    """
    return make_pseudonym(secret, "place", str(attempt_id), address_of(connection), agent_of(connection))


def agent_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the user agent of a client."""
    return connection.headers.get("user-agent", "")[:AGENT_CHARS]


def needs_second_factor(role: Role, settings: HubSettings, *, has_factor: bool) -> bool:
    """Return whether a user can do nothing before setting up a second factor."""
    return role is Role.ADMIN and settings.admin_totp == "required" and not has_factor


def principal_as(*roles: Role, enrolling: bool = False) -> Callable[..., Awaitable[Principal]]:
    """Return a provider for a handler's `principal`: a signed-in user with one of these roles, or any role.

    With `enrolling` it also accepts administrators who have no second factor yet where they need one. The provider
    raises Unauthenticated, Expired or Forbidden.
    """

    async def provide_principal(
        request: Request[Any, Any, Any],
        engine: NamedDependency[AsyncEngine],
        settings: NamedDependency[HubSettings],
    ) -> Principal:
        claims = tokens.verify(_bearer(request), settings.keys, now_ms=now_ms())
        async with reading(engine) as conn:
            principal = await _principal_of(conn, claims.sid, claims.expires_at, None if enrolling else settings)
        request.state["user_id"] = principal.user_id
        if roles and principal.role not in roles:
            raise Forbidden(f"Only {' and '.join(roles)} accounts can do this.")
        return principal.connected_by(request)

    return provide_principal


def service_as(scope: Scope) -> Callable[..., Awaitable[Program]]:
    """Return a provider for a handler's `program`: the program whose service key has this scope.

    The provider raises Unauthenticated or Forbidden. An access token is not accepted as a key.
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
    """Provide a handler's `bearer`. Raises Unauthenticated, Expired, or Forbidden if the user is not a student.

    An upload token is still valid when its session is over or signed out, but not when someone ended it; the queries
    check whether its attempt still accepts events.
    """
    token = _bearer(request)
    if tokens.is_upload(token):
        claims = tokens.verify_upload(token, settings.keys, now_ms=now_ms())
        if claims.sid is not None:
            async with reading(engine) as conn:
                if not await credentials.ended_by_itself(conn, claims.sid):
                    raise Unauthenticated("Your sign-in was ended. Sign in again.")
        return Bearer(claims.sub, attempt_id=claims.attempt)
    principal = await principal_as(Role.STUDENT)(request, engine, settings)
    return Bearer(principal.user_id, principal)


async def admit_socket(
    conn: AsyncConnection, ticket: str | None, token: str | None, purpose: Purpose, settings: HubSettings
) -> Principal:
    """Authenticate the first frame of a socket by its ticket or its token. A ticket is used up when the caller commits.

    Raises Unauthenticated, Expired, Forbidden for a role that cannot open this socket, and Invalid for both a ticket
    and a token, or neither.
    """
    if (ticket is None) is (token is None):
        raise Invalid("$.ticket", "send either a ticket or a token")
    if ticket is not None:
        principal = await _redeem(conn, ticket, purpose, settings)
    else:
        claims = tokens.verify(token or "", settings.keys, now_ms=now_ms())
        principal = await _principal_of(conn, claims.sid, claims.expires_at, settings)
    if principal.role not in SOCKET_ROLES[purpose]:
        raise Forbidden(f"A {principal.role} account cannot open the {purpose} socket.")
    return principal


@asynccontextmanager
async def using_ticket(engine: AsyncEngine, ticket: str | None) -> AsyncIterator[None]:
    """Use up a ticket even if the block, which redeems it, fails and is rolled back.

    If the hub is too busy, the ticket stays valid, so that the client can try again.
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
    """Return whether a request comes from an allowed origin, the hub's own, or a program that sends no origin.

    The hub's own origin is its public URL, or without one any origin with the host of the request. `null` and schemes
    other than http(s) are allowed only by an entry with exactly this spelling.
    """
    origins = headers.getall("origin", [])
    if not origins:
        return True
    origin = origins[0].lower().rstrip("/")
    if len(origins) > 1:
        return False
    if settings.public_url:
        own = [f"https://{settings.public_host}"]
    else:
        hosts = [host.lower() for host in headers.getall("host", []) if host]
        own = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    return origin in own or origin in (entry.lower().rstrip("/") for entry in settings.allowed_origins)


async def _redeem(conn: AsyncConnection, ticket: str, purpose: Purpose, settings: HubSettings) -> Principal:
    spent = await credentials.spend_ticket(conn, hash_secret(ticket))
    if spent is None or spent.purpose != purpose:
        raise Unauthenticated("The ticket is not valid.")
    if spent.expired:
        raise Expired("The ticket has expired. Request another one.")
    return await _principal_of(conn, spent.session, now_ms() + tokens.LIFETIME_S * 1000, settings)


async def _principal_of(
    conn: AsyncConnection, session: UUID, auth_until: int, settings: HubSettings | None
) -> Principal:
    """Return the user of a session that has not ended. Role and name are the stored ones, not those of the token.

    Without `settings`, a missing second factor does not matter.
    """
    stored = await credentials.read_session(conn, session)
    if stored is None:
        raise Unauthenticated("Your session has ended. Sign in again.")
    account = stored.account
    if settings is not None and needs_second_factor(account.role, settings, has_factor=stored.has_second_factor):
        raise SetupRequired("Administrators need a second factor here. Set it up on the page of your account.")
    return Principal(
        account.user_id,
        account.role,
        account.name,
        session,
        auth_until,
        stored.exam_id,
        is_self_made=stored.is_self_made,
    )


def _bearer(request: Request[Any, Any, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send an access token: Authorization: Bearer …")
    return token.strip()
