"""Record in the audit log what a request did: which user or program, from which address, with which client.

Reading sensitive data is recorded too. Details are ids, numbers and names of fields: a row must never contain a secret,
an answer, or a value that a person typed, because it is kept for ever.
"""

from typing import Any
from uuid import UUID

from litestar import Request

from db.unit import Unit
from hub.auth.guards import address_of, agent_of, place_of

AnyRequest = Request[Any, Any, Any]


def record_action(
    unit: Unit,
    request: AnyRequest,
    actor_id: UUID,
    action: str,
    resource: str,
    resource_id: object,
    /,
    **details: object,
) -> None:
    """Record that this user or program did `action` with the resource of this id."""
    unit.audit(
        actor_id=actor_id,
        action=action,
        resource=resource,
        resource_id=resource_id,
        details={name: str(value) for name, value in details.items()},
        ip=place_of(request),
        address=address_of(request),
        user_agent=agent_of(request),
    )
