"""What users do with their own account: change the password, see and end sessions, set up a second factor.

Only for a sign-in by password: an exam code is valid for its exam and must never change an account. The secret of a
second factor is shown once, and recovery codes are shown once.
"""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.models import SessionEnd
from db.queries.accounts import devices, second_factors, sessions, users
from db.queries.accounts.users import SignIn
from db.unit import change
from hub.auth import totp
from hub.auth.failures import Failures
from hub.auth.fair_queue import Lane
from hub.auth.guards import BEARER, Principal, address_of, needs_second_factor, principal_as
from hub.auth.limits import Try
from hub.auth.passwords import Passwords
from hub.auth.second_factor import use_second_factor
from hub.auth.sessions import place_of
from hub.auth.tickets import hash_recovery_code
from hub.errors import Busy, Expired, Invalid, SecondFactorWrong, TooManyFailures, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.bodies import SIGN_IN_BYTES
from hub.rest.http.fields import NewPassword, Password, TotpCode
from hub.settings import HubSettings
from hub.sockets import now_ms
from protocol.roles import Role

CHECKED: Final = (Invalid, Unauthenticated, Expired, Forbidden, TooManyFailures, Busy)
"""What a route that checks the password may answer."""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """One open session; times in ms since the epoch. `exam_id`: a sign-in by code, valid for this exam only.

    `agent` is the browser and the system. `is_same_network` compares with the address of this request.
    """

    session_id: UUID
    exam_id: UUID | None
    opened_at: int
    last_used_at: int
    ends_at: int
    agent: str
    is_current: bool
    is_same_network: bool


class EndedSessions(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


class PasswordChange(msgspec.Struct, frozen=True):
    """The old and the new password."""

    old_password: Password
    new_password: NewPassword


class PasswordProof(msgspec.Struct, frozen=True):
    """The password, before a change of the second factor."""

    password: Password


class SecondFactorProof(msgspec.Struct, frozen=True):
    """The password and a code of the second factor, or a recovery code."""

    password: Password
    code: TotpCode


class FirstCode(msgspec.Struct, frozen=True):
    """The first code of a new second factor."""

    code: TotpCode


class SecondFactorView(msgspec.Struct, frozen=True):
    """Whether a second factor is in use, how many recovery codes are left, and whether one is required here."""

    is_active: bool
    recovery_codes_left: int
    is_required: bool


class NewSecondFactor(msgspec.Struct, frozen=True):
    """A new secret for an authenticator app, as text and as the address for a QR code. It is shown only once."""

    secret: str
    uri: str


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Codes that each replace a TOTP code once. They are shown only once."""

    recovery_codes: list[str]


async def provide_owner(principal: NamedDependency[Principal]) -> Principal:
    """Provide the user who signed in by password. Raises Forbidden after a sign-in by exam code."""
    if principal.exam_id is not None:
        raise Forbidden("Your exam code opens only its exam. Sign in with your password to see your account.")
    return principal


@get(
    "/sessions",
    summary="List your sessions",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden),
)
async def list_sessions(
    request: AnyRequest,
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    owner: NamedDependency[Principal],
) -> list[SessionView]:
    """List where you are signed in, the last used session first."""
    place = place_of(address_of(request), settings.keys.data)
    async with engine.connect() as conn:
        found = await sessions.list_sessions(conn, owner.user_id)
    return [
        SessionView(
            session_id=entry.session_id,
            exam_id=entry.exam_id,
            opened_at=entry.opened_at,
            last_used_at=entry.last_used_at,
            ends_at=entry.ends_at,
            agent=entry.agent,
            is_current=entry.session_id == owner.session,
            is_same_network=entry.place == place,
        )
        for entry in found
    ]


@delete(
    "/sessions/{session_id:uuid}",
    summary="End one of your sessions",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def end_session(
    request: AnyRequest,
    session_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    owner: NamedDependency[Principal],
) -> None:
    """End one of your sessions: its tokens and tickets are not valid any more, and its sockets close."""
    async with change(engine, None) as unit:
        await sessions.end_session(unit.conn, owner.user_id, session_id, SessionEnd.ENDED_BY_USER)
        record_action(unit, request, owner.user_id, "end_session", "session", session_id)


@post(
    "/sessions/end-others",
    status_code=HTTP_200_OK,
    summary="Sign out everywhere else",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden),
)
async def end_other_sessions(
    request: AnyRequest, engine: NamedDependency[AsyncEngine], owner: NamedDependency[Principal]
) -> EndedSessions:
    """End all your sessions except this one."""
    async with change(engine, None) as unit:
        ended = await sessions.end_other_sessions(unit.conn, owner.user_id, owner.session, SessionEnd.ENDED_BY_USER)
        record_action(unit, request, owner.user_id, "end_other_sessions", "user", owner.user_id, ended=len(ended))
    return EndedSessions(len(ended))


@post(
    "/password",
    status_code=HTTP_204_NO_CONTENT,
    summary="Change your password",
    security=BEARER,
    responses=problems(*CHECKED, Conflict),
)
async def change_password(
    request: AnyRequest,
    data: JSONBody[PasswordChange],
    engine: NamedDependency[AsyncEngine],
    passwords: NamedDependency[Passwords],
    failures: NamedDependency[Failures],
    owner: NamedDependency[Principal],
) -> None:
    """Change your password. All your other sessions end, and other devices are not known any more."""
    found = await _prove(request, engine, passwords, failures, owner, data.old_password, "$.old_password")
    new_hash = await passwords.choose(data.new_password, found.account.username, _lane(owner), path="$.new_password")
    async with change(engine, None) as unit:
        await users.set_password(unit.conn, owner.user_id, found.password_hash, new_hash)
        await devices.forget_all(unit.conn, owner.user_id)
        await sessions.end_other_sessions(unit.conn, owner.user_id, owner.session, SessionEnd.NEW_PASSWORD)
        record_action(unit, request, owner.user_id, "change_password", "user", owner.user_id)


@get(
    "/totp",
    summary="Read the state of your second factor",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden),
)
async def read_second_factor(
    engine: NamedDependency[AsyncEngine], settings: NamedDependency[HubSettings], owner: NamedDependency[Principal]
) -> SecondFactorView:
    """Read whether you sign in with a code, and how many recovery codes you have left."""
    async with engine.connect() as conn:
        factor = await second_factors.read_factor(conn, owner.user_id)
        left = await second_factors.count_recovery_codes(conn, owner.user_id)
    is_required = needs_second_factor(owner.role, settings, has_factor=False)
    return SecondFactorView(factor is not None and factor.is_confirmed, left, is_required)


@post(
    "/totp",
    status_code=HTTP_200_OK,
    summary="Begin to set up a second factor",
    security=BEARER,
    responses=problems(*CHECKED, Conflict),
)
async def begin_second_factor(
    request: AnyRequest,
    data: JSONBody[PasswordProof],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    passwords: NamedDependency[Passwords],
    failures: NamedDependency[Failures],
    owner: NamedDependency[Principal],
) -> NewSecondFactor:
    """Get a secret for an authenticator app. It is in use after its first code. For teachers and administrators."""
    if owner.role not in (Role.TEACHER, Role.ADMIN):
        raise Forbidden("Second factors are for teachers and administrators.")
    found = await _prove(request, engine, passwords, failures, owner, data.password, "$.password")
    secret = totp.draw_totp_secret()
    async with change(engine, None) as unit:
        sealed = totp.seal(secret, owner.user_id, settings.keys.data)
        await second_factors.start_enrollment(unit.conn, owner.user_id, sealed)
        record_action(unit, request, owner.user_id, "begin_totp", "user", owner.user_id)
    return NewSecondFactor(totp.spell_secret(secret), totp.make_uri(secret, found.account.username))


@post(
    "/totp/confirm",
    status_code=HTTP_200_OK,
    summary="Confirm your second factor",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Conflict, TooManyFailures),
)
async def confirm_second_factor(
    request: AnyRequest,
    data: JSONBody[FirstCode],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    failures: NamedDependency[Failures],
    owner: NamedDependency[Principal],
) -> RecoveryCodes:
    """Take your second factor into use with its first code, and get recovery codes. All your other sessions end."""
    async with engine.connect() as conn:
        factor = await second_factors.read_factor(conn, owner.user_id)
    if factor is None or factor.is_confirmed:
        raise Conflict("There is no second factor to confirm. Set one up first.")
    try:
        with failures.count(Try(address_of(request), f"own {owner.user_id}")):
            secret = totp.unseal(factor.sealed, owner.user_id, settings.keys.data)
            step = None if secret is None else totp.find_step(secret, data.code, now_ms())
            _require(step is not None)
    except Unauthenticated as error:
        raise Invalid("$.code", "is not the current code of your app") from error
    codes = totp.draw_recovery_codes()
    hashes = [hash_recovery_code(code, settings.keys.data) for code in codes]
    async with change(engine, None) as unit:
        await second_factors.confirm(unit.conn, owner.user_id, step or 0, hashes)
        await sessions.end_other_sessions(unit.conn, owner.user_id, owner.session, SessionEnd.SECOND_FACTOR_CHANGED)
        record_action(unit, request, owner.user_id, "confirm_totp", "user", owner.user_id)
    return RecoveryCodes(codes)


@post(
    "/totp/remove",
    status_code=HTTP_204_NO_CONTENT,
    summary="Remove your second factor",
    security=BEARER,
    responses=problems(*CHECKED, Conflict),
)
async def remove_second_factor(
    request: AnyRequest,
    data: JSONBody[SecondFactorProof],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    passwords: NamedDependency[Passwords],
    failures: NamedDependency[Failures],
    owner: NamedDependency[Principal],
) -> None:
    """Sign in without a code again. Needs the password and a code, or a recovery code."""
    found = await _prove(request, engine, passwords, failures, owner, data.password, "$.password")
    if not found.has_second_factor:
        raise Conflict("You have no second factor.")
    try:
        with failures.count(Try(address_of(request), f"own {owner.user_id}")):
            await use_second_factor(engine, settings, owner.user_id, data.code)
    except SecondFactorWrong as error:
        raise Invalid("$.code", "is not valid") from error
    async with change(engine, None) as unit:
        await second_factors.remove(unit.conn, owner.user_id)
        record_action(unit, request, owner.user_id, "remove_totp", "user", owner.user_id)


router: Final = Router(
    path="/auth",
    tags=["account"],
    route_handlers=[
        list_sessions,
        end_session,
        end_other_sessions,
        change_password,
        read_second_factor,
        begin_second_factor,
        confirm_second_factor,
        remove_second_factor,
    ],
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
    dependencies={"principal": Provide(principal_as(enrolling=True)), "owner": Provide(provide_owner)},
    request_max_body_size=SIGN_IN_BYTES,
)


async def _prove(
    request: AnyRequest,
    engine: AsyncEngine,
    passwords: Passwords,
    failures: Failures,
    owner: Principal,
    password: str,
    path: str,
) -> SignIn:
    """Check the password of a signed-in user. Raises Invalid for a wrong one: the session is still valid."""
    async with engine.connect() as conn:
        found = await users.read_sign_in(conn, owner.user_id)
    try:
        with failures.count(Try(address_of(request), f"own {owner.user_id}")):
            checked = await passwords.verify(password, found.password_hash, _lane(owner))
            _require(checked.is_right)
    except Unauthenticated as error:
        raise Invalid(path, "is wrong") from error
    return found


def _require(is_right: bool) -> None:  # noqa: FBT001 - the one thing that is required
    """Raise Unauthenticated, which counts as a failure, for a wrong password or code."""
    if not is_right:
        raise Unauthenticated("The password or the code is wrong.")


def _lane(owner: Principal) -> Lane:
    return Lane(str(owner.user_id), is_known=True)
