"""Create and count the partitions of the event table.

Never drops a partition.
"""

from datetime import UTC, datetime

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.partitions import DAYS_AHEAD, PARENT, partition_of, partitions_ahead

_NAMES = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
    "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = :parent"
)


async def limit_lock_wait(conn: AsyncConnection) -> None:
    """Wait only briefly for locks in this transaction: while one waits for a table lock, all others wait behind it."""
    await conn.execute(text("SET LOCAL lock_timeout = '50ms'"))


async def create_partitions(conn: AsyncConnection, days: int = DAYS_AHEAD) -> list[str]:
    """Create missing partitions from yesterday to `days` ahead, by PostgreSQL's clock; return the new names.

    A function of the database does it with the rights of the owner, and computes names and bounds itself.
    """
    created = await conn.execute(text("SELECT create_event_partitions(:days)"), {"days": days})
    return list(created.scalars())


async def count_days_ahead(conn: AsyncConnection) -> int:
    """Count the days after today that have a partition, up to the first missing one."""
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    present = await list_partitions(conn)
    ahead = partitions_ahead(now.astimezone(UTC).date(), 366)
    wanted = [partition for partition in ahead if partition.name > partition_of(now.date()).name]
    missing = [index for index, partition in enumerate(wanted) if partition.name not in present]
    return missing[0]


async def is_default_empty(conn: AsyncConnection) -> bool:
    """Return whether every event is in a partition of its day."""
    found = await conn.execute(text("SELECT NOT EXISTS (SELECT FROM monitoring_events_default)"))
    return bool(found.scalar_one())


async def list_partitions(conn: AsyncConnection) -> set[str]:
    """Return the names of all partitions."""
    found = await conn.execute(_NAMES.bindparams(bindparam("parent", PARENT)))
    return set(found.scalars())
