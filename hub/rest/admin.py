"""For administrators: accounts, and the audit log. Nothing here shows a password, and nobody locks themselves out.

An account is never removed, only let out; the audit log is only ever read, and reading it is noted too.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.queries import audit
from db.queries.accounts import admin, users
from db.queries.accounts.admin import AccountView
from db.queries.audit import AuditEntry
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.passwords import Passwords
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http import audit as trail
from hub.rest.http.audit import AnyRequest
from hub.rest.http.fields import Email, Name, NewPassword, Username
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.roles import Role

Said = Annotated[str | None, QueryParameter(max_length=200, pattern=r"^[^\x00]*$")]
"""A filter: what is looked for, as it stands in the record."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account to make. Without a password a student signs in by candidate codes; others need one."""

    username: Username
    name: Name
    role: Role
    email: Email | None = None
    password: NewPassword | None = None
    can_create_exams: bool = True


class AccountEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; what is left out stays. Who is let out, or has a new password or role, signs in anew."""

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
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    role: FromQuery[Role | None] = None,
    q: Said = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AccountView]:
    """List accounts by username; `q` is part of a username, a name or an e-mail address."""
    del principal
    start = read_cursor(after, str)
    async with engine.connect() as conn:
        found = await admin.list_accounts(conn, role=role, like=q or None, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda account: account.username)


@post(
    "/users",
    summary="Make an account",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Conflict, Busy),
)
async def make_account(
    request: AnyRequest,
    data: JSONBody[NewAccount],
    engine: NamedDependency[AsyncEngine],
    passwords: NamedDependency[Passwords],
    principal: NamedDependency[Principal],
) -> AccountView:
    """Make an account of a person; programs get theirs with their first key."""
    _refuse_service(data.role)
    if data.password is None and data.role is not Role.STUDENT:
        raise Invalid("$.password", "required, except for students")
    password_hash = None if data.password is None else await passwords.hash(data.password)
    async with engine.begin() as conn:
        account = await users.create_user(
            conn,
            username=data.username,
            name=data.name,
            role=data.role,
            email=data.email,
            password_hash=password_hash,
        )
        if data.role is Role.TEACHER:
            await admin.set_create_exams(conn, account.user_id, may=data.can_create_exams)
        await trail.leave(conn, request, principal.user_id, "make_account", "user", account.user_id, role=data.role)
        return await admin.read_account(conn, account.user_id)


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
    """Change an account, let it in or out; an administrator cannot take their own access away."""
    said = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    if isinstance(data.role, Role):
        _refuse_service(data.role)
    if user_id == principal.user_id and (said.get("is_active") is False or said.get("role", Role.ADMIN) != Role.ADMIN):
        raise Forbidden("You cannot remove your own access. Ask another administrator.")
    values = _columns(said)
    if isinstance(data.password, str):
        values["password_hash"] = await passwords.hash(data.password)
    async with engine.begin() as conn:
        account = await admin.lock_account(conn, user_id, principal.user_id)
        await admin.change_account(conn, account, values)
        if isinstance(data.can_create_exams, bool):
            await admin.set_create_exams(conn, user_id, may=data.can_create_exams)
        await trail.leave(conn, request, principal.user_id, "change_account", "user", user_id, **_told(said))
        return await admin.read_account(conn, user_id)


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
    actor: Said = None,
    action: Said = None,
    resource: Said = None,
    resource_id: Said = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AuditEntry]:
    """Read who did what, the newest first; `actor` is a username or an id. That it was read is noted."""
    start = read_cursor(after, UUID)
    wanted = {"actor": actor, "action": action, "resource": resource, "resource_id": resource_id}
    wanted = {name: value for name, value in wanted.items() if value}
    async with engine.begin() as conn:
        found = await audit.list_entries(
            conn,
            actor=_actor(wanted.get("actor")),
            action=wanted.get("action"),
            resource=wanted.get("resource"),
            resource_id=wanted.get("resource_id"),
            after=start,
            limit=limit + 1,
        )
        await trail.leave(conn, request, principal.user_id, "read_audit_log", "audit", "log", **wanted)
    return make_page(found, limit, key=lambda entry: entry.entry_id)


router: Final = Router(
    path="/admin",
    tags=["admin"],
    route_handlers=[list_accounts, make_account, change_account, read_audit_log],
    dependencies={"principal": Provide(principal_as(Role.ADMIN))},
)


def _refuse_service(role: Role) -> None:
    if role is Role.SERVICE:
        raise Invalid("$.role", "programs have no account of this kind: create a service key")


def _columns(said: dict[str, Any]) -> dict[str, Any]:
    """What was said, as the columns of `users`."""
    values: dict[str, Any] = {name: said[name] for name in ("is_active", "role") if name in said}
    if "name" in said:
        values["full_name"] = said["name"]
    if "email" in said:
        values["email"] = said["email"] and said["email"].lower()
    return values


def _told(said: dict[str, Any]) -> dict[str, object]:
    """What the trail tells of a change: that there is another password, never which."""
    return {name: "changed" if name == "password" else value for name, value in said.items()}


def _actor(said: str | None) -> UUID | str | None:
    try:
        return None if said is None else UUID(said)
    except ValueError:
        return said
