"""The audit log: user, action, resource, time and address of each recorded action.

Never changes or deletes a row, so a row contains no value that must be deleted later: `ip` is a keyed hash, and the
readable address and program are in `audit_sources`. Handlers and jobs append through `db.unit`.
"""

from uuid import UUID

import msgspec
from sqlalchemy import Text, insert, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import AuditLog, AuditSource, User
from protocol.text.names import canonical_username


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One action; `at` in ms since the epoch. Without an actor, a server did it.

    `place` is the keyed hash of the address: equal for equal addresses. `ip` and `user_agent` are deleted after some
    time and are then null.
    """

    entry_id: UUID
    at: int
    actor_id: UUID | None
    actor: str | None
    actor_name: str | None
    action: str
    resource: str
    resource_id: str
    details: dict[str, str]
    ip: str | None
    user_agent: str | None
    place: str | None = None


async def append(
    conn: AsyncConnection,
    *,
    actor_id: UUID | None,
    action: str,
    resource: str,
    resource_id: object,
    details: dict[str, str] | None = None,
    ip: str | None = None,
    address: str | None = None,
    user_agent: str | None = None,
) -> None:
    """Record one action in the transaction that carries it out. `ip` is the keyed hash of the readable `address`."""
    row = insert(AuditLog).values(
        actor_id=actor_id,
        action=action,
        resource=resource,
        resource_id=str(resource_id),
        details=details or {},
        ip=ip,
    )
    if address is None and user_agent is None:
        await conn.execute(row)
        return
    added = row.returning(AuditLog.id).cte("added")
    source = select(added.c.id, literal(address, Text), literal(user_agent, Text))
    await conn.execute(insert(AuditSource).from_select(["audit_id", "address", "user_agent"], source))


async def list_entries(
    conn: AsyncConnection,
    *,
    actor: UUID | str | None = None,
    action: str | None = None,
    resource: str | None = None,
    resource_id: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """List actions, the newest first, before the entry `after`. `actor` is an id or a username."""
    wanted = {AuditLog.action: action, AuditLog.resource: resource, AuditLog.resource_id: resource_id}
    conditions = [column == value for column, value in wanted.items() if value is not None]
    if isinstance(actor, str):
        named = select(User.id).where(User.username == canonical_username(actor)).scalar_subquery()
        conditions.append(AuditLog.actor_id == named)
    elif actor is not None:
        conditions.append(AuditLog.actor_id == actor)
    found = await conn.execute(
        select(
            *(column for column in AuditLog.__table__.c if column.name != "user_agent"),
            *(AuditSource.address, AuditSource.user_agent, User.username, User.full_name),
        )
        .join(User, User.id == AuditLog.actor_id, isouter=True)
        .join(AuditSource, AuditSource.audit_id == AuditLog.id, isouter=True)
        .where(*conditions, true() if after is None else AuditLog.id < after)
        .order_by(AuditLog.id.desc())
        .limit(limit)
    )
    return [
        AuditEntry(
            entry_id=row.id,
            at=to_ms(row.at),
            actor_id=row.actor_id,
            actor=row.username,
            actor_name=row.full_name,
            action=row.action,
            resource=row.resource,
            resource_id=row.resource_id,
            details=row.details,
            ip=row.address,
            user_agent=row.user_agent,
            place=row.ip,
        )
        for row in found
    ]
