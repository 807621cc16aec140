"""The trail of sensitive reads: who looked at whose record, in the transaction that reads it; never what was read."""

from typing import Any
from uuid import UUID

from litestar import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries import audit
from hub.auth.guards import Person

AnyRequest = Request[Any, Any, Any]


async def note_read(
    conn: AsyncConnection, request: AnyRequest, person: Person, action: str, resource: str, resource_id: UUID
) -> None:
    """Leave a row of a read; the caller commits."""
    await audit.append(
        conn,
        actor_id=person.user_id,
        action=action,
        resource=resource,
        resource_id=resource_id,
        ip=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", "")[:256],
    )
