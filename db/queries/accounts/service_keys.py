"""Service keys: how programs come in. A key belongs to the program's own account, and is stored by hash only.

Keys of one name are one program's: a new one is given before the old one is revoked. None is ever removed.
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
"""No person's username has a colon."""

_NOTED_EVERY: Final = timedelta(minutes=1)
"""How exactly it is known when a key was used last: not every call writes."""


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One key, which itself is shown nowhere any more; times in ms since the epoch."""

    key_id: UUID
    name: str
    scopes: list[Scope]
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


class Program(msgspec.Struct, frozen=True):
    """The program a key belongs to, and what the key is good for."""

    user_id: UUID
    key_id: UUID
    name: str
    scopes: frozenset[Scope]


async def create_key(conn: AsyncConnection, name: str, scopes: Sequence[Scope], key_hash: bytes) -> KeyView:
    """Store a key of the program of this name, and make its account where there is none yet.

    Raises Conflict when that account was switched off.
    """
    made = await conn.execute(
        postgresql.insert(User)
        .values(id=uuid7(), username=USERNAME.format(name=name), full_name=name, role=Role.SERVICE)
        # Changes nothing, but gives the row that is there.
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
    """Find whose key this is, unless it was revoked or the program switched off; notes that it was used."""
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
    # A scope of a later version opens nothing here.
    return Program(row.user_id, row.id, row.name, frozenset(scope for scope in Scope if scope in row.scopes))


async def list_keys(conn: AsyncConnection, *, after: UUID | None = None, limit: int = 50) -> list[KeyView]:
    """List all keys, revoked ones too, the newest first, from those made before `after`."""
    found = await conn.execute(
        select(*ServiceKey.__table__.c)
        .where(true() if after is None else ServiceKey.id < after)
        .order_by(ServiceKey.id.desc())
        .limit(limit)
    )
    return [_view(row) for row in found]


async def revoke_key(conn: AsyncConnection, key_id: UUID) -> None:
    """Let a key be good no longer. Raises NotFound when there is none, or none that is."""
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
