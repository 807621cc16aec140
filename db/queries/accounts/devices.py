"""Known devices: browsers and programs from which a user has signed in by password, found by the hash of their secret.

A device never signs anybody in; its user is only not limited by the failures of others.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Device, User
from protocol.text.names import canonical_username

DEVICE_LIFETIME: Final = timedelta(days=180)
"""A device is forgotten after this time without a sign-in."""

DEVICES_MAX: Final = 20
"""Of one user. A further one replaces the device that was not used for the longest time."""


async def is_known(conn: AsyncConnection, username: str, device_hash: bytes) -> bool:
    """Return whether the user with this name has signed in from this device."""
    found = await conn.execute(
        select(Device.hash)
        .join(User, User.id == Device.user_id)
        .where(
            Device.hash == device_hash,
            User.username == canonical_username(username),
            Device.last_used_at > func.now() - DEVICE_LIFETIME,
        )
    )
    return found.one_or_none() is not None


async def remember(conn: AsyncConnection, user_id: UUID, device_hash: bytes) -> None:
    """Record that a user has signed in from a device."""
    await conn.execute(
        postgresql.insert(Device)
        .values(hash=device_hash, user_id=user_id)
        .on_conflict_do_update(index_elements=["hash", "user_id"], set_={"last_used_at": func.now()})
    )
    oldest = (
        select(Device.hash)
        .where(Device.user_id == user_id, Device.hash != device_hash)
        .order_by(Device.last_used_at.desc())
        .offset(DEVICES_MAX - 1)
    )
    await conn.execute(delete(Device).where(Device.user_id == user_id, Device.hash.in_(oldest)))


async def forget_all(conn: AsyncConnection, user_id: UUID) -> None:
    """Forget all devices of a user."""
    await conn.execute(delete(Device).where(Device.user_id == user_id))


async def delete_unused(conn: AsyncConnection) -> int:
    """Delete devices without a sign-in for their lifetime; return how many."""
    deleted = await conn.execute(delete(Device).where(Device.last_used_at <= func.now() - DEVICE_LIFETIME))
    return deleted.rowcount
