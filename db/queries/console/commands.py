"""Commands: every order a person gave on a console, with its result, recorded in the order's own transaction."""

from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import CommandRecord
from protocol.console import Result


class StoredCommand(msgspec.Struct, frozen=True):
    """An order that was carried out: who gave it, where, which, what exactly it said (a digest), and the result."""

    exam_id: UUID
    actor_id: UUID
    action: str
    digest: str
    result: Result


class _Kept(msgspec.Struct, frozen=True):
    """What the record's `result` holds."""

    digest: str
    result: Result


async def lock_command(conn: AsyncConnection, command_id: UUID) -> StoredCommand | None:
    """Make a command's id this transaction's until COMMIT; what it came to when it was carried out before."""
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


async def store_command(conn: AsyncConnection, command_id: UUID, past: StoredCommand) -> None:
    """Record what a command came to; its id must be in hand."""
    await conn.execute(
        insert(CommandRecord).values(
            id=command_id,
            exam_id=past.exam_id,
            actor_id=past.actor_id,
            action=past.action,
            result=msgspec.to_builtins(_Kept(past.digest, past.result)),
        )
    )
