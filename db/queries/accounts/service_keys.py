"""Keys of services: programs that call Veritas.

A key belongs to the service's account and is stored by hash only. Keys with the same name belong to one service, so a
new key can be created before the old one is revoked. Never deletes a key.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, or_, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import Conflict, NotFound
from db.models import ServiceKey, User
from protocol.roles import Role, Scope

USERNAME: Final = "service:{name}"
"""Usernames of people cannot contain a colon."""

_NOTED_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use of a key is recorded, so that not every call writes."""


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One key, without its secret; times in ms since the epoch."""

    key_id: UUID
    name: str
    scopes: list[Scope]
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


class Program(msgspec.Struct, frozen=True):
    """The service that a key belongs to, and the key's scopes."""

    user_id: UUID
    key_id: UUID
    name: str
    scopes: frozenset[Scope]


async def create_key(conn: AsyncConnection, name: str, scopes: Sequence[Scope], key_hash: bytes) -> KeyView:
    """Store a key of a service, and create the service's account if there is none.

    Raises Conflict when the account was deactivated.
    """
    made = await conn.execute(
        postgresql.insert(User)
        .values(id=uuid7(), username=USERNAME.format(name=name), full_name=name, role=Role.SERVICE)
        # Changes nothing, but returns the existing row.
        .on_conflict_do_update(index_elements=["username"], set_={"full_name": name})
        .returning(User.id, User.is_active)
    )
    program = made.one()
    if not program.is_active:
        raise Conflict(f"The program {name} is switched off.")
    created = await conn.execute(
        insert(ServiceKey)
        .values(id=uuid7(), hash=key_hash, user_id=program.id, name=name, scopes=sorted(scopes))
        .returning(*ServiceKey.__table__.c)
    )
    return _view(created.one())


async def find_program(conn: AsyncConnection, key_hash: bytes) -> Program | None:
    """Find the service of a key, unless the key was revoked or the service deactivated. Records the use."""
    found = await conn.execute(
        select(ServiceKey.id, ServiceKey.user_id, ServiceKey.name, ServiceKey.scopes)
        .join(User, User.id == ServiceKey.user_id)
        .where(
            ServiceKey.hash == key_hash,
            ServiceKey.revoked_at.is_(None),
            User.is_active,
            User.role == Role.SERVICE,
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    await conn.execute(
        update(ServiceKey)
        .where(
            ServiceKey.id == row.id,
            or_(ServiceKey.last_used_at.is_(None), ServiceKey.last_used_at < func.now() - _NOTED_EVERY),
        )
        .values(last_used_at=func.now())
    )
    # Ignores scopes of later versions.
    return Program(row.user_id, row.id, row.name, frozenset(scope for scope in Scope if scope in row.scopes))


async def list_keys(conn: AsyncConnection, *, after: UUID | None = None, limit: int = 50) -> list[KeyView]:
    """List all keys, also revoked ones, the newest first, before the key `after`."""
    found = await conn.execute(
        select(*ServiceKey.__table__.c)
        .where(true() if after is None else ServiceKey.id < after)
        .order_by(ServiceKey.id.desc())
        .limit(limit)
    )
    return [_view(row) for row in found]


async def revoke_key(conn: AsyncConnection, key_id: UUID) -> None:
    """Revoke a key. Raises NotFound when it does not exist or was revoked before."""
    revoked = await conn.execute(
        update(ServiceKey)
        .where(ServiceKey.id == key_id, ServiceKey.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ServiceKey.id)
    )
    if revoked.one_or_none() is None:
        raise NotFound(f"There is no valid key {key_id}.")


def _view(row: Any) -> KeyView:
    return KeyView(
        key_id=row.id,
        name=row.name,
        scopes=[scope for scope in Scope if scope in row.scopes],
        created_at=to_ms(row.created_at),
        last_used_at=None if row.last_used_at is None else to_ms(row.last_used_at),
        revoked_at=None if row.revoked_at is None else to_ms(row.revoked_at),
    )
