"""The trail a request leaves: one audit row, in the transaction of what it does, that says who, from where, by what.

What is read is noted too where it is sensitive. No secret and no answer is ever part of a row.
"""

from typing import Any
from uuid import UUID

from litestar import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries import audit
from hub.auth.guards import address_of, agent_of

AnyRequest = Request[Any, Any, Any]


async def leave(
    conn: AsyncConnection,
    request: AnyRequest,
    actor_id: UUID,
    action: str,
    resource: str,
    resource_id: object,
    /,
    **details: object,
) -> None:
    """Note that this person or program did `action` to the resource of this id."""
    await audit.append(
        conn,
        actor_id=actor_id,
        action=action,
        resource=resource,
        resource_id=resource_id,
        details={name: str(value) for name, value in details.items()},
        ip=address_of(request),
        user_agent=agent_of(request),
    )
