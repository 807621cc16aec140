"""The feed: the numbered changes of an exam's board.

Never appends outside the transaction of the change. Handlers and jobs append through `db.unit`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from db.models import FeedHead, FeedRow
from protocol.console import ROWS, Delta, Row

KEPT: Final = timedelta(hours=48)
KEPT_ROWS: Final = 10_000
"""A console whose board is older than the first kept row gets a snapshot."""

TRIMMED_AT_ONCE: Final = 10_000
"""The most rows that one transaction deletes."""

_KINDS = {row: kind for kind, row in ROWS.items()}


async def create_feed(conn: AsyncConnection, exam_id: UUID) -> None:
    """Create the feed head of a new exam."""
    await conn.execute(postgresql.insert(FeedHead).values(exam_id=exam_id).on_conflict_do_nothing())


async def append(conn: AsyncConnection, exam_id: UUID, rows: Sequence[Row]) -> int:
    """Append rows under the next offsets; return the new head.

    The head's row stays locked until COMMIT, so the order of offsets is the order of commits. Call this last in a
    transaction, and for several exams in the order of their ids.
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


async def read_heads(conn: AsyncConnection, exam_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Read the current head of each exam."""
    found = await conn.execute(select(FeedHead.exam_id, FeedHead.head).where(FeedHead.exam_id.in_(exam_ids)))
    return {row.exam_id: row.head for row in found}


async def read_after(conn: AsyncConnection, exam_id: UUID, offset: int, limit: int = 1000) -> list[Delta]:
    """Read the rows after `offset`, in order, as frames for consoles."""
    found = await conn.execute(
        select(FeedRow.offset, FeedRow.kind, cast(FeedRow.body, Text))
        .where(FeedRow.exam_id == exam_id, FeedRow.offset > offset)
        .order_by(FeedRow.offset)
        .limit(limit)
    )
    return [Delta(exam_id, number, kind, msgspec.Raw(body.encode())) for number, kind, body in found]


async def trim_feeds(
    conn: AsyncConnection, *, kept: timedelta = KEPT, rows: int = KEPT_ROWS, limit: int = TRIMMED_AT_ONCE
) -> int:
    """Delete rows that are too old or too many; return how many.

    The kept rows have no holes up to the head and always include the last row, so that the head can be checked. Call it
    again, in a new transaction, while it returns as many as `limit`.
    """
    young = aliased(FeedRow)
    fresh = (
        select(young.offset)
        .where(young.exam_id == FeedHead.exam_id, young.appended_at > func.now() - kept)
        .order_by(young.offset)
        .limit(1)
        .correlate(FeedHead)
        .scalar_subquery()
    )
    first = func.greatest(FeedHead.head - rows + 1, func.coalesce(fresh, FeedHead.head))
    # Materialized: PostgreSQL would search an exam's first young row again for every row of its feed.
    cut = select(FeedHead.exam_id, func.least(first, FeedHead.head).label("first")).cte().prefix_with("MATERIALIZED")
    past = (
        select(FeedRow.exam_id, FeedRow.offset)
        .join(cut, FeedRow.exam_id == cut.c.exam_id)
        .where(FeedRow.offset < cut.c.first)
        .order_by(FeedRow.exam_id, FeedRow.offset)
        .limit(limit)
    )
    deleted = await conn.execute(delete(FeedRow).where(tuple_(FeedRow.exam_id, FeedRow.offset).in_(past)))
    return deleted.rowcount
