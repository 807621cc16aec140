"""Second factors: the encrypted TOTP secret of a user, the last code that was used, and recovery codes by hash.

Never sees a secret or a code in plain text. Each code is used once, even by two sign-ins at the same time.
"""

from collections.abc import Collection
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict
from db.models import RecoveryCode, SecondFactor


class Factor(msgspec.Struct, frozen=True):
    """The stored factor. Before its first code is confirmed, no sign-in needs it."""

    sealed: bytes
    is_confirmed: bool
    last_counter: int


async def read_factor(conn: AsyncConnection, user_id: UUID) -> Factor | None:
    """Return the factor of a user."""
    found = await conn.execute(
        select(SecondFactor.sealed, SecondFactor.confirmed_at, SecondFactor.last_counter).where(
            SecondFactor.user_id == user_id
        )
    )
    row = found.one_or_none()
    return None if row is None else Factor(row.sealed, row.confirmed_at is not None, row.last_counter)


async def start_enrollment(conn: AsyncConnection, user_id: UUID, sealed: bytes) -> None:
    """Store a new secret; it replaces one that was not confirmed. Raises Conflict when a factor is in use."""
    stored = await conn.execute(
        postgresql.insert(SecondFactor)
        .values(user_id=user_id, sealed=sealed)
        .on_conflict_do_update(
            index_elements=["user_id"],
            set_={"sealed": sealed, "created_at": func.now()},
            where=SecondFactor.confirmed_at.is_(None),
        )
        .returning(SecondFactor.user_id)
    )
    if stored.one_or_none() is None:
        raise Conflict("You already have a second factor. Remove it before you set up another one.")


async def confirm(conn: AsyncConnection, user_id: UUID, counter: int, recovery_hashes: Collection[bytes]) -> None:
    """Take a factor into use, with its first code and its recovery codes. Raises Conflict when it is in use already."""
    confirmed = await conn.execute(
        update(SecondFactor)
        .where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_(None))
        .values(confirmed_at=func.now(), last_counter=counter)
        .returning(SecondFactor.user_id)
    )
    if confirmed.one_or_none() is None:
        raise Conflict("There is no second factor to confirm. Set one up first.")
    await conn.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await conn.execute(insert(RecoveryCode), [{"hash": code, "user_id": user_id} for code in recovery_hashes])


async def use_counter(conn: AsyncConnection, user_id: UUID, counter: int) -> bool:
    """Use up the code of a 30-second step. Returns False when it, or a later one, was used before."""
    used = await conn.execute(
        update(SecondFactor)
        .where(
            SecondFactor.user_id == user_id,
            SecondFactor.confirmed_at.is_not(None),
            SecondFactor.last_counter < counter,
        )
        .values(last_counter=counter)
        .returning(SecondFactor.user_id)
    )
    return used.one_or_none() is not None


async def use_recovery_code(conn: AsyncConnection, user_id: UUID, code_hash: bytes) -> bool:
    """Use up a recovery code. Returns False when the user has no such unused code."""
    used = await conn.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=func.now())
        .returning(RecoveryCode.hash)
    )
    return used.one_or_none() is not None


async def count_recovery_codes(conn: AsyncConnection, user_id: UUID) -> int:
    """Return how many recovery codes a user has left."""
    found = await conn.execute(
        select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    )
    return found.scalar_one()


async def remove(conn: AsyncConnection, user_id: UUID) -> bool:
    """Remove the factor and the recovery codes of a user. Returns whether there was a factor in use."""
    await conn.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    removed = await conn.execute(
        delete(SecondFactor).where(SecondFactor.user_id == user_id).returning(SecondFactor.confirmed_at)
    )
    return removed.scalar_one_or_none() is not None
