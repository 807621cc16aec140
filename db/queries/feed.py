"""The feed: numbered changes of an exam's board, appended in the transaction of the change itself."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import FeedHead, FeedRow
from protocol.console import ROWS, Delta, Row

_KINDS = {row: kind for kind, row in ROWS.items()}


async def open_feed(conn: AsyncConnection, exam_id: UUID) -> None:
    """Give a new exam its head."""
    await conn.execute(postgresql.insert(FeedHead).values(exam_id=exam_id).on_conflict_do_nothing())


async def append(conn: AsyncConnection, exam_id: UUID, rows: Sequence[Row]) -> int:
    """Append rows under the next offsets and return the new head.

    The head's row stays locked until COMMIT, so offsets and commits agree: call this last in a transaction,
    and for several exams in the order of their ids.
    """
    head: int = (
        await conn.execute(
            update(FeedHead)
            .where(FeedHead.exam_id == exam_id)
            .values(head=FeedHead.head + len(rows))
            .returning(FeedHead.head)
        )
    ).scalar_one()
    first = head - len(rows) + 1
    if rows:
        await conn.execute(
            insert(FeedRow),
            [
                {"exam_id": exam_id, "offset": offset, "kind": _KINDS[type(row)], "body": msgspec.to_builtins(row)}
                for offset, row in enumerate(rows, first)
            ],
        )
    return head


async def heads(conn: AsyncConnection, exam_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The current head of each exam."""
    found = await conn.execute(select(FeedHead.exam_id, FeedHead.head).where(FeedHead.exam_id.in_(exam_ids)))
    return {row.exam_id: row.head for row in found}


async def read_after(conn: AsyncConnection, exam_id: UUID, offset: int, limit: int = 1000) -> list[Delta]:
    """The rows after `offset`, in order, as the frames consoles receive."""
    found = await conn.execute(
        select(FeedRow.offset, FeedRow.kind, cast(FeedRow.body, Text))
        .where(FeedRow.exam_id == exam_id, FeedRow.offset > offset)
        .order_by(FeedRow.offset)
        .limit(limit)
    )
    return [Delta(exam_id, number, kind, msgspec.Raw(body.encode())) for number, kind, body in found]


async def read_epoch(conn: AsyncConnection) -> str:
    """Name the history offsets count in: system identifier and timeline, which a failover or a restore changes."""
    found = await conn.execute(
        text("SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()")
    )
    system, timeline = found.one()
    return f"{system}-{timeline}"
