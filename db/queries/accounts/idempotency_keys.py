"""REST writes that were carried out with an `Idempotency-Key`, stored in their own transaction.

Used through `db.idempotency`. Never stores a key or the content of a request, only keyed hashes of them.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import IdempotencyKey

KEPT: Final = timedelta(hours=24)


class StoredResponse(msgspec.Struct, frozen=True):
    """How a request was answered: digest of its content, status, and body."""

    digest: str
    status: int
    response: str


async def lock_key(conn: AsyncConnection, key_hash: str) -> StoredResponse | None:
    """Lock a key until COMMIT; return how the request was answered if it was carried out before."""
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key_hash, 0))))
    columns = IdempotencyKey.digest, IdempotencyKey.status, IdempotencyKey.response
    row = (await conn.execute(select(*columns).where(IdempotencyKey.hash == key_hash))).one_or_none()
    return None if row is None else StoredResponse(*row)


async def store_response(conn: AsyncConnection, key_hash: str, user_id: UUID, stored: StoredResponse) -> None:
    """Store how a request was answered. Its key must be locked."""
    await conn.execute(insert(IdempotencyKey).values(hash=key_hash, user_id=user_id, **msgspec.structs.asdict(stored)))


async def delete_old(conn: AsyncConnection) -> int:
    """Delete what was stored longer ago than keys are kept; return how many."""
    deleted = await conn.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= func.now() - KEPT))
    return deleted.rowcount
