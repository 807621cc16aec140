"""Where a client is, as a keyed hash of its network address and its program, for what an attempt records.

Two places of one attempt can be compared; places of two attempts cannot, and no place can be turned back into an
address. Never decides anything.
"""

from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection

from hub.auth.guards import address_of, agent_of
from hub.auth.pseudonyms import make_pseudonym


def attempt_place(connection: ASGIConnection[Any, Any, Any, Any], attempt_id: UUID, secret: str) -> str:
    """Return the place from which a request or a socket of an attempt comes."""
    return make_pseudonym(secret, "place", str(attempt_id), address_of(connection), agent_of(connection))
