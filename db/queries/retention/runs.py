"""Runs of the retention job: one at a time, and how much each has deleted.

Never deletes data itself, except what is not an attempt's: addresses of sign-ins and results of commands.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.models import AuditSource, CommandRecord, RetentionRun, User

_LOCK_KEY: Final = 0x7665726974617301
"""Advisory lock that allows one run at a time."""


async def try_lock(conn: AsyncConnection) -> bool:
    """Take the lock of the job for this connection, until it closes. False: another process runs the job."""
    found = await conn.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY})
    return bool(found.scalar_one())


async def unlock(conn: AsyncConnection) -> None:
    """Give the lock back."""
    await conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK_KEY})


async def is_due(conn: AsyncConnection, every: timedelta) -> bool:
    """Return whether the last finished run began so long ago."""
    recent = select(RetentionRun.id).where(
        RetentionRun.finished_at.is_not(None), RetentionRun.started_at > func.now() - every
    )
    return (await conn.execute(recent.limit(1))).one_or_none() is None


async def begin_run(conn: AsyncConnection) -> UUID:
    """Record that a run begins."""
    run_id = uuid7()
    await conn.execute(insert(RetentionRun).values(id=run_id))
    return run_id


async def finish_run(conn: AsyncConnection, run_id: UUID, deleted: Mapping[str, int]) -> None:
    """Record that a run has finished, and how much it deleted."""
    await conn.execute(
        update(RetentionRun)
        .where(RetentionRun.id == run_id)
        .values(finished_at=func.clock_timestamp(), deleted=dict(deleted))
    )


async def delete_addresses(conn: AsyncConnection, days: int) -> int:
    """Delete addresses and browsers of audited actions, and addresses of last sign-ins, that are so many days old."""
    age = timedelta(days=days)
    deleted = await conn.execute(delete(AuditSource).where(AuditSource.at < func.now() - age))
    blanked = await conn.execute(
        update(User)
        .where(User.last_login_ip.is_not(None), User.last_login < func.now() - age)
        .values(last_login_ip=None)
    )
    return int(deleted.rowcount + blanked.rowcount)


async def delete_commands(conn: AsyncConnection, days: int) -> int:
    """Delete the results of commands that are so many days old. They serve repeated requests only."""
    done = await conn.execute(delete(CommandRecord).where(CommandRecord.given_at < func.now() - timedelta(days=days)))
    return int(done.rowcount)
