"""Register, sign in by password or exam code, renew a sign-in, sign out, and issue tickets for sockets.

An answer must never show whether an account exists. A password, token, ticket or code must never be logged, and the
refresh token of a browser page never leaves its cookie. No database connection is held while a password is hashed.
"""

from typing import Annotated, Final
from uuid import UUID, uuid4

import msgspec
from litestar import Response, Router, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading
from db.errors import Conflict, Forbidden
from db.queries.accounts import credentials, devices, users
from db.queries.accounts.credentials import RefreshOutcome
from db.queries.accounts.users import Account, SignIn
from db.queries.attempts import places
from db.unit import Unit, change
from hub.auth import tokens
from hub.auth.cookies import BrowserPage, provide_page
from hub.auth.failures import Failures
from hub.auth.fair_queue import Lane
from hub.auth.guards import (
    BEARER,
    SOCKET_ROLES,
    Principal,
    Purpose,
    address_of,
    agent_of,
    attempt_place,
    needs_second_factor,
    principal_as,
)
from hub.auth.limits import Try, network_of
from hub.auth.passwords import Passwords
from hub.auth.second_factor import use_second_factor
from hub.auth.sessions import describe_agent, place_of, terms_of
from hub.auth.tickets import draw_secret, find_hashes, hash_secret, is_secret
from hub.errors import (
    Busy,
    Expired,
    Invalid,
    SecondFactorRequired,
    SecondFactorWrong,
    TooManyAccounts,
    TooManyFailures,
    Unauthenticated,
    problems,
)
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.bodies import SIGN_IN_BYTES
from hub.rest.http.disconnect import while_connected
from hub.rest.http.fields import Email, Name, NewPassword, Opaque, Password, Tidied, TotpCode, Username
from hub.settings import HubSettings
from hub.sockets import now_ms
from protocol.roles import Origin, Role

REGISTRATIONS_PER_HOUR: Final = 100
"""The most accounts that users of one address can make in an hour: some classes, but not a list of all names."""

RequestingPage = NamedDependency[BrowserPage | None]


class Register(Tidied, frozen=True, kw_only=True):
    """The registration of a student."""

    username: Username
    password: NewPassword
    name: Name
    email: Email | None = None


class Login(Tidied, frozen=True):
    """A sign-in by password. The failed sign-ins of others never limit a known device."""

    username: Username
    password: Password
    totp: TotpCode | None = None
    """The code of the authenticator app, or a recovery code, for a user with a second factor."""

    device_token: Opaque | None = None
    """What an earlier sign-in with `remember_device` returned. A page of the hub sends its cookie instead."""

    remember_device: bool = False
    """Whether a program wants a device token."""


class Code(msgspec.Struct, frozen=True):
    """A sign-in by exam code. Spaces, dashes and case do not matter."""

    code: Annotated[str, msgspec.Meta(max_length=64, examples=["7K2M-9QXA-04RT-B6WE"])]


class Refresh(msgspec.Struct, frozen=True):
    """A refresh token. It can be used once. A page of the hub leaves it out and sends its cookie."""

    refresh_token: Opaque | None = None
    is_idle: bool = False
    """Whether the user did nothing since the last renewal. Then the session of an administrator can end as idle."""


class TicketRequest(msgspec.Struct, frozen=True):
    """The socket that the ticket opens: `monitor` for students, `console` for teachers."""

    purpose: Purpose


class UserView(msgspec.Struct, frozen=True):
    """The user who signed in."""

    id: UUID
    username: str
    name: str
    role: Role


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """An access token, valid until `expires_at` (ms since the epoch), and the refresh token for the next one.

    A page of the hub gets the refresh token in its cookie, and null here. After a sign-in by exam code, `exam_id` is
    the only exam for which the session is valid.
    """

    access_token: str
    expires_at: int
    refresh_token: str | None
    user: UserView
    exam_id: UUID | None = None
    device_token: str | None = None
    """For a program that asked for it: send it with later sign-ins by password of this user."""

    needs_second_factor: bool = False
    """The user is an administrator who can do nothing here before setting up a second factor."""


class IssuedTicket(msgspec.Struct, frozen=True):
    """A ticket for the first frame of one socket. It can be used once, until `expires_at` (ms since the epoch)."""

    ticket: str
    expires_at: int


@post(
    "/register",
    summary="Register as a student",
    responses=problems(Invalid, Forbidden, Conflict, TooManyAccounts, Busy),
)
async def register(
    request: AnyRequest,
    data: JSONBody[Register],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    passwords: NamedDependency[Passwords],
    page: RequestingPage,
) -> Response[SignedIn]:
    """Create a student account and sign in, if registration is open on this server."""
    if settings.registration != "open":
        raise Forbidden("You cannot register yourself here. Ask your school for an account.")
    address = address_of(request)
    async with engine.begin() as conn:
        await _check_registrations(conn, address)
    lane = Lane(network_of(address))
    password_hash = await while_connected(request, passwords.choose(data.password, data.username, lane))
    async with change(engine, None) as unit:
        await _check_registrations(unit.conn, address)
        account = await users.create_user(
            unit.conn,
            username=data.username,
            name=data.name,
            role=Role.STUDENT,
            email=data.email,
            password_hash=password_hash,
            origin=Origin.SELF,
        )
        _record(unit, request, account.user_id, "register")
        signed_in = await _sign_in(unit, request, settings, account)
    return _hand_over(signed_in, page)


@post(
    "/login",
    status_code=HTTP_200_OK,
    summary="Sign in by password",
    responses=problems(
        *(Invalid, Unauthenticated, SecondFactorRequired, SecondFactorWrong, Forbidden, TooManyFailures, Busy)
    ),
)
async def login(
    request: AnyRequest,
    data: JSONBody[Login],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    passwords: NamedDependency[Passwords],
    failures: NamedDependency[Failures],
    page: RequestingPage,
) -> Response[SignedIn]:
    """Sign in by password. An unknown username is answered like a wrong password, after the same time."""
    request.state["tried"] = data.username
    presented = data.device_token if page is None else page.device
    device = None if presented is None else await _known_device(engine, data.username, hash_secret(presented))
    address = address_of(request)
    lane = Lane(network_of(address)) if device is None else Lane(device, is_known=True)
    with failures.count(Try(address, data.username, device)):
        found, new_hash = await _check_password(request, engine, passwords, data, lane)
    user_id = found.account.user_id
    if found.has_second_factor:
        if data.totp is None:
            raise SecondFactorRequired("Enter the code of your authenticator app.")
        with failures.count(Try(address, f"totp {user_id}", device)):
            await use_second_factor(engine, settings, user_id, data.totp)
    # A browser that several users share keeps its secret.
    secret = presented if presented is not None and is_secret(presented) else draw_secret()
    async with change(engine, None) as unit:
        if not await users.lock_sign_in(unit.conn, user_id, found.password_hash):
            raise Unauthenticated("The username or password is wrong.")
        signed_in = await _sign_in(unit, request, settings, found.account, has_factor=found.has_second_factor)
        if page is not None or data.remember_device:
            await devices.remember(unit.conn, user_id, hash_secret(secret))
        if new_hash is not None and found.password_hash is not None:
            await users.upgrade_hash(unit.conn, user_id, found.password_hash, new_hash)
    if page is None:
        return Response(msgspec.structs.replace(signed_in, device_token=secret if data.remember_device else None))
    response = _hand_over(signed_in, page)
    response.cookies.append(page.keep_device(secret))
    return response


@post(
    "/code",
    status_code=HTTP_200_OK,
    summary="Sign in by exam code",
    responses=problems(Invalid, Unauthenticated, Forbidden, TooManyFailures),
)
async def sign_in_by_code(
    request: AnyRequest,
    data: JSONBody[Code],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    failures: NamedDependency[Failures],
    page: RequestingPage,
) -> Response[SignedIn]:
    """Sign in with the code for one exam, from any computer. The session is valid for this exam only."""
    # A code has 80 random bits: a right one is never limited, and wrong ones are only counted.
    async with change(engine, None) as unit:
        candidate = await credentials.find_candidate(unit.conn, find_hashes(data.code, settings.keys.data))
        if candidate is None:
            raise failures.refuse_guess(address_of(request), "The code is not valid.")
        signed_in = await _sign_in(unit, request, settings, candidate.account, exam_id=candidate.exam_id)
    return _hand_over(signed_in, page)


@post(
    "/refresh",
    status_code=HTTP_200_OK,
    summary="Renew an access token",
    responses=problems(Invalid, Unauthenticated, Forbidden, TooManyFailures),
)
async def refresh(
    request: AnyRequest,
    data: JSONBody[Refresh],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    failures: NamedDependency[Failures],
    page: RequestingPage,
) -> Response[SignedIn]:
    """Exchange a refresh token for new tokens. Using it twice ends the session, except if the first answer was lost."""
    presented = data.refresh_token if page is None else page.secret
    if presented is None:
        if page is None:
            raise Invalid("$.refresh_token", "required")
        raise Unauthenticated("This browser has no session. Sign in again.")
    successor = draw_secret()
    async with change(engine, None) as unit:
        rotation = await credentials.rotate_token(
            unit.conn, hash_secret(presented), hash_secret(successor), is_use=not data.is_idle
        )
        if rotation.outcome is RefreshOutcome.REUSED and rotation.session is not None:
            user_id = rotation.session.account.user_id
            _record(unit, request, user_id, "refresh_reused")
            request.state.update({"refused_as": "refresh_reused", "user_id": user_id})
    # Raised after COMMIT: a session that ended because its token was reused must stay ended.
    if rotation.outcome is not RefreshOutcome.ROTATED or rotation.session is None:
        raise failures.refuse_guess(address_of(request), "The refresh token is not valid.")
    session = rotation.session
    signed_in = _signed_in(
        settings, session.account, session.session, successor, session.exam_id, has_factor=session.has_second_factor
    )
    return _hand_over(signed_in, page)


@post(
    "/logout",
    status_code=HTTP_204_NO_CONTENT,
    summary="Sign out",
    security=BEARER,
    responses={
        HTTP_204_NO_CONTENT: ResponseSpec(None, description="Signed out"),
        **problems(Invalid, Unauthenticated, Expired, Forbidden),
    },
)
async def logout(
    request: AnyRequest,
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    page: RequestingPage,
) -> Response[None]:
    """End the session with its refresh tokens, access tokens and tickets. A page needs only its cookie for this."""
    if page is None:
        principal = await _any_user(request, engine, settings)
        await _end(engine, request, principal.session, principal.user_id)
        return Response(None)
    # The cookie is removed even if it is not valid: the user must not stay signed in.
    if page.secret is not None:
        async with reading(engine) as conn:
            session = await credentials.find_session(conn, hash_secret(page.secret))
        if session is not None:
            await _end(engine, request, session.session, session.account.user_id)
    return Response(None, cookies=[page.forget()])


@post(
    "/ws-ticket",
    status_code=HTTP_200_OK,
    summary="Get a ticket for a socket",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden),
    dependencies={"principal": Provide(principal_as())},
)
async def issue_ticket(
    data: JSONBody[TicketRequest], engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]
) -> IssuedTicket:
    """Get a single-use ticket for the first frame of a socket, so that no token is sent there."""
    if principal.role not in SOCKET_ROLES[data.purpose]:
        raise Forbidden(f"A {principal.role} account cannot open the {data.purpose} socket.")
    ticket = draw_secret()
    async with change(engine, None) as unit:
        expires_at = await credentials.issue_ticket(
            unit.conn,
            ticket_hash=hash_secret(ticket),
            user_id=principal.user_id,
            session=principal.session,
            purpose=data.purpose,
        )
    return IssuedTicket(ticket, expires_at)


async def _check_registrations(conn: AsyncConnection, address: str) -> None:
    if await users.count_registrations(conn, address) >= REGISTRATIONS_PER_HOUR:
        raise TooManyAccounts


_any_user: Final = principal_as(enrolling=True)

router: Final = Router(
    path="/auth",
    tags=["auth"],
    route_handlers=[register, login, sign_in_by_code, refresh, logout, issue_ticket],
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
    dependencies={"page": Provide(provide_page, sync_to_thread=False)},
    request_max_body_size=SIGN_IN_BYTES,
)


async def _known_device(engine: AsyncEngine, username: str, device_hash: bytes) -> str | None:
    """Return the name of a device if this user has signed in from it before."""
    async with reading(engine) as conn:
        return device_hash.hex() if await devices.is_known(conn, username, device_hash) else None


async def _check_password(
    request: AnyRequest, engine: AsyncEngine, passwords: Passwords, data: Login, lane: Lane
) -> tuple[SignIn, str | None]:
    """Return the user, and a new hash if the stored one should be replaced. Raises Unauthenticated, or Disconnected."""
    async with reading(engine) as conn:
        found: SignIn | None = await users.find_sign_in(conn, data.username)
    stored = None if found is None else found.password_hash
    checked = await while_connected(request, passwords.verify(data.password, stored, lane))
    if found is None or not checked.is_right:
        raise Unauthenticated("The username or password is wrong.")
    return found, checked.new_hash


async def _sign_in(
    unit: Unit,
    request: AnyRequest,
    settings: HubSettings,
    account: Account,
    *,
    exam_id: UUID | None = None,
    has_factor: bool = False,
) -> SignedIn:
    session, secret = uuid4(), draw_secret()
    terms = terms_of(account.role, settings)
    await credentials.open_session(
        unit.conn,
        session=session,
        user_id=account.user_id,
        token_hash=hash_secret(secret),
        exam_id=exam_id,
        lifetime=terms.lifetime,
        idle_s=terms.idle_s,
        agent=describe_agent(agent_of(request)),
        place=place_of(address_of(request), settings.keys.data),
    )
    await users.record_login(unit.conn, account.user_id, address_of(request))
    by = "password" if exam_id is None else "code"
    _record(unit, request, account.user_id, "login", by=by)
    for attempt_id in await places.list_running(unit.conn, account.user_id, exam_id):
        place = attempt_place(request, attempt_id, settings.keys.data)
        await places.record_sign_in(unit.conn, attempt_id, by, place)
    return _signed_in(settings, account, session, secret, exam_id, has_factor=has_factor)


def _signed_in(
    settings: HubSettings,
    account: Account,
    session: UUID,
    refresh_token: str,
    exam_id: UUID | None,
    *,
    has_factor: bool,
) -> SignedIn:
    claims = tokens.make_claims(account.user_id, account.role, account.name, session, now_ms=now_ms(), exam_id=exam_id)
    return SignedIn(
        access_token=tokens.sign(claims, settings.keys),
        expires_at=claims.expires_at,
        refresh_token=refresh_token,
        user=UserView(account.user_id, account.username, account.name, account.role),
        exam_id=exam_id,
        needs_second_factor=needs_second_factor(account.role, settings, has_factor=has_factor),
    )


def _hand_over(signed_in: SignedIn, page: BrowserPage | None) -> Response[SignedIn]:
    """Return the tokens. A page gets its refresh token as a cookie instead."""
    if page is None or signed_in.refresh_token is None:
        return Response(signed_in)
    cookie = page.keep(signed_in.refresh_token)
    return Response(msgspec.structs.replace(signed_in, refresh_token=None), cookies=[cookie])


async def _end(engine: AsyncEngine, request: AnyRequest, session: UUID, user_id: UUID) -> None:
    async with change(engine, None) as unit:
        await credentials.revoke_session(unit.conn, session)
        _record(unit, request, user_id, "logout")


def _record(unit: Unit, request: AnyRequest, user_id: UUID, action: str, **details: str) -> None:
    record_action(unit, request, user_id, action, "user", user_id, **details)
