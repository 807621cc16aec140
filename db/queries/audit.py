"""The audit log: who did what to which thing. Rows are only ever added."""

from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import AuditLog


async def append(
    conn: AsyncConnection,
    *,
    actor_id: UUID | None,
    action: str,
    resource: str,
    resource_id: object,
    details: dict[str, str] | None = None,
    ip: str | None = None,
    user_agent: str | None = None,
) -> None:
    """Record one action in the transaction that carries it out."""
    await conn.execute(
        insert(AuditLog).values(
            actor_id=actor_id,
            action=action,
            resource=resource,
            resource_id=str(resource_id),
            details=details or {},
            ip=ip,
            user_agent=user_agent,
        )
    )
