"""Commands with their results, recorded in the transaction of the command.

Used through `db.idempotency`. Never carries a command out.
"""

from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import CommandRecord
from protocol.console import Result


class StoredCommand(msgspec.Struct, frozen=True):
    """A command that was carried out: exam, user, action, digest of its content, and result."""

    exam_id: UUID
    actor_id: UUID
    action: str
    digest: str
    result: Result


class _Kept(msgspec.Struct, frozen=True):
    """The content of the column `result`."""

    digest: str
    result: Result


async def lock_command(conn: AsyncConnection, command_id: UUID) -> StoredCommand | None:
    """Lock a command's id until COMMIT; return the command if it was carried out before."""
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(command_id), 0))))
    found = await conn.execute(
        select(CommandRecord.exam_id, CommandRecord.actor_id, CommandRecord.action, CommandRecord.result).where(
            CommandRecord.id == command_id
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    kept = msgspec.convert(row.result, _Kept)
    return StoredCommand(row.exam_id, row.actor_id, row.action, kept.digest, kept.result)


async def store_command(conn: AsyncConnection, command_id: UUID, stored: StoredCommand) -> None:
    """Store a command with its result. Its id must be locked."""
    await conn.execute(
        insert(CommandRecord).values(
            id=command_id,
            exam_id=stored.exam_id,
            actor_id=stored.actor_id,
            action=stored.action,
            result=msgspec.to_builtins(_Kept(stored.digest, stored.result)),
        )
    )
