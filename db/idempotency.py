"""Idempotent requests: an id is carried out once, and a repeated request gets the stored result.

`idempotent` serves console commands and the reports of services, whose ids are part of the request; `recall` and
`remember` serve REST writes with a key in their header. It never compares requests itself: the caller gives a digest.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from db.errors import IdReused, KeyReused
from db.queries.accounts import idempotency_keys
from db.queries.accounts.idempotency_keys import StoredResponse
from db.queries.console import commands
from db.queries.console.commands import StoredCommand
from db.unit import Unit
from protocol.console import Result


async def idempotent(
    unit: Unit,
    request_id: UUID,
    actor_id: UUID,
    digest: str,
    act: Callable[[], Awaitable[Result]],
    *,
    exam_id: UUID,
    action: str,
) -> Result:
    """Carry out a request once and store its result; return the stored result when it is repeated.

    `digest` identifies the content of the request. Requests with the same id wait for each other until COMMIT. When
    `act` raises, nothing is stored, and the id may be used again. Raises IdReused when the id belongs to a request of
    another actor or with another content.
    """
    stored = await commands.lock_command(unit.conn, request_id)
    if stored is not None:
        if (stored.actor_id, stored.digest) != (actor_id, digest):
            raise IdReused("This id was used for another request. Send a new id.")
        return stored.result
    result = await act()
    await commands.store_command(unit.conn, request_id, StoredCommand(exam_id, actor_id, action, digest, result))
    return result


async def recall(unit: Unit, key_hash: str, digest: str) -> StoredResponse | None:
    """Return the stored response of a write, or None if it was never carried out.

    Requests with the same key wait for each other until COMMIT. Raises KeyReused when the key belongs to a request with
    another content.
    """
    stored = await idempotency_keys.lock_key(unit.conn, key_hash)
    if stored is not None and stored.digest != digest:
        raise KeyReused("This Idempotency-Key was used for another request. Send a new key.")
    return stored


async def remember(unit: Unit, key_hash: str, user_id: UUID, stored: StoredResponse) -> None:
    """Store the response of a write in its transaction. `recall` must have locked its key."""
    await idempotency_keys.store_response(unit.conn, key_hash, user_id, stored)
