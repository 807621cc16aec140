"""Manage accounts and read the audit log. For administrators only.

An account must never be deleted, only deactivated, and administrators cannot deactivate themselves. The audit log must
never be changed here; reading it is recorded too.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, KeyReused, NotFound
from db.models import SessionEnd
from db.queries import audit
from db.queries.accounts import admin, devices, second_factors, users
from db.queries.accounts.admin import AccountView
from db.queries.audit import AuditEntry
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.passwords import Passwords
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.fields import Email, Name, NewPassword, Tidied, Username
from hub.rest.http.idempotency import Once
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.roles import Role

Filter = Annotated[str | None, QueryParameter(max_length=200, pattern=r"^[^\x00]*$")]
"""A filter: the exact value to search for."""


class NewAccount(Tidied, frozen=True, kw_only=True):
    """A new account. A student without a password signs in with exam codes; other roles need a password."""

    username: Username
    name: Name
    role: Role
    email: Email | None = None
    password: NewPassword | None = None
    can_create_exams: bool = True


class AccountEdit(Tidied, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change. After a deactivation, a new password or a new role, the user must sign in again."""

    is_active: bool | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET
    can_create_exams: bool | UnsetType = UNSET


@get(
    "/users",
    summary="List accounts",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden),
)
async def list_accounts(
    request: AnyRequest,
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    role: FromQuery[Role | None] = None,
    q: Filter = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AccountView]:
    """List accounts by username; `q` is part of a username, a name or an e-mail address."""
    start = read_cursor(after, str)
    async with change(engine, None) as unit:
        record_action(unit, request, principal.user_id, "list_accounts", "user", role or "all")
        found = await admin.list_accounts(unit.conn, role=role, like=q or None, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda account: account.username)


@post(
    "/users",
    summary="Create an account",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Conflict, KeyReused, Busy),
)
async def make_account(
    request: AnyRequest,
    data: JSONBody[NewAccount],
    once: NamedDependency[Once],
    passwords: NamedDependency[Passwords],
    principal: NamedDependency[Principal],
) -> AccountView:
    """Create the account of a user. Programs get an account with their first service key."""
    _refuse_service(data.role)
    if data.password is None and data.role is not Role.STUDENT:
        raise Invalid("$.password", "required, except for students")
    password_hash = None if data.password is None else await passwords.choose(data.password, data.username)
    async with once.change(principal.user_id) as unit:
        account = await users.create_user(
            unit.conn,
            username=data.username,
            name=data.name,
            role=data.role,
            email=data.email,
            password_hash=password_hash,
        )
        if data.role is Role.TEACHER:
            await admin.set_create_exams(unit.conn, account.user_id, may=data.can_create_exams)
        record_action(unit, request, principal.user_id, "make_account", "user", account.user_id, role=data.role)
        return once.keep(await admin.read_account(unit.conn, account.user_id))


@patch(
    "/users/{user_id:uuid}",
    summary="Change an account",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, Busy),
)
async def change_account(
    request: AnyRequest,
    user_id: FromPath[UUID],
    data: JSONBody[AccountEdit],
    engine: NamedDependency[AsyncEngine],
    passwords: NamedDependency[Passwords],
    principal: NamedDependency[Principal],
) -> AccountView:
    """Change, deactivate or reactivate an account. Administrators cannot remove their own access."""
    changes = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    if isinstance(data.role, Role):
        _refuse_service(data.role)
    if user_id == principal.user_id and (
        changes.get("is_active") is False or changes.get("role", Role.ADMIN) != Role.ADMIN
    ):
        raise Forbidden("You cannot remove your own access. Ask another administrator.")
    values = _columns(changes)
    if isinstance(data.password, str):
        async with engine.connect() as conn:
            username = (await admin.read_account(conn, user_id)).username
        values["password_hash"] = await passwords.choose(data.password, username)
    async with change(engine, None) as unit:
        account = await admin.lock_account(unit.conn, user_id, principal.user_id)
        await admin.change_account(unit.conn, account, values)
        if isinstance(data.can_create_exams, bool):
            await admin.set_create_exams(unit.conn, user_id, may=data.can_create_exams)
        record_action(
            unit, request, principal.user_id, "change_account", "user", user_id, changed=" ".join(sorted(changes))
        )
        return await admin.read_account(unit.conn, user_id)


@delete(
    "/users/{user_id:uuid}/sessions",
    summary="End all sessions of a user",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def end_sessions(
    request: AnyRequest,
    user_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> None:
    """End all sessions of a user, for example after a computer was lost. The user can sign in again."""
    async with change(engine, None) as unit:
        await admin.lock_account(unit.conn, user_id, principal.user_id)
        await users.end_sessions(unit.conn, user_id, SessionEnd.ENDED_BY_ADMIN)
        await devices.forget_all(unit.conn, user_id)
        record_action(unit, request, principal.user_id, "end_sessions", "user", user_id)


@delete(
    "/users/{user_id:uuid}/totp",
    summary="Reset the second factor of a user",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def reset_second_factor(
    request: AnyRequest,
    user_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> None:
    """Remove the second factor of a user who lost it; all sessions of the user end. Check first who asks you."""
    if user_id == principal.user_id:
        raise Forbidden("You cannot reset your own second factor. Remove it on the page of your account.")
    async with change(engine, None) as unit:
        await admin.lock_account(unit.conn, user_id, principal.user_id)
        if not await second_factors.remove(unit.conn, user_id):
            raise Conflict("This user has no second factor.")
        await users.end_sessions(unit.conn, user_id, SessionEnd.SECOND_FACTOR_CHANGED)
        record_action(unit, request, principal.user_id, "reset_totp", "user", user_id)


@get(
    "/audit",
    summary="Read the audit log",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden),
)
async def read_audit_log(
    request: AnyRequest,
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    actor: Filter = None,
    action: Filter = None,
    resource: Filter = None,
    resource_id: Filter = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AuditEntry]:
    """Read the audit log, newest first. `actor` is a username or an id. Reading it is recorded too."""
    start = read_cursor(after, UUID)
    filters = {"actor": actor, "action": action, "resource": resource, "resource_id": resource_id}
    filters = {name: value for name, value in filters.items() if value}
    async with change(engine, None) as unit:
        found = await audit.list_entries(
            unit.conn,
            actor=_actor(filters.get("actor")),
            action=filters.get("action"),
            resource=filters.get("resource"),
            resource_id=filters.get("resource_id"),
            after=start,
            limit=limit + 1,
        )
        record_action(unit, request, principal.user_id, "read_audit_log", "audit", "log", by=" ".join(sorted(filters)))
    return make_page(found, limit, key=lambda entry: entry.entry_id)


router: Final = Router(
    path="/admin",
    tags=["admin"],
    route_handlers=[list_accounts, make_account, change_account, end_sessions, reset_second_factor, read_audit_log],
    dependencies={"principal": Provide(principal_as(Role.ADMIN))},
)


def _refuse_service(role: Role) -> None:
    if role is Role.SERVICE:
        raise Invalid("$.role", "programs have no account of this kind: create a service key")


def _columns(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes as columns of `users`."""
    values: dict[str, Any] = {name: changes[name] for name in ("is_active", "role") if name in changes}
    if "name" in changes:
        values["full_name"] = changes["name"]
    if "email" in changes:
        values["email"] = changes["email"]
    return values


def _actor(actor: str | None) -> UUID | str | None:
    try:
        return None if actor is None else UUID(actor)
    except ValueError:
        return actor
