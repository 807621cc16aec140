"""Stage 6 of 9, SQL: the work list, attempts with events after their cursor.

The list is computed, not stored: PostgreSQL has the end of each stream and the position of each cursor. Never locks a
row.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Label,
    Select,
    Text,
    any_,
    cast,
    func,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import AnalysisCursor, EventStream, ExamAttempt, MonitoringEvent
from db.partitions import created_at, first_id
from db.queries.evaluation.cursors import is_among, is_supported

STREAM_DAYS: Final = 2
"""A stream is open for a day at most.

An older one gets no events, and has unfolded events only if no worker could fold them.
"""


class UnfoldedAttempt(msgspec.Struct, frozen=True):
    """An attempt with events after its cursor. `lag_ms` is the age of the oldest of them."""

    attempt_id: UUID
    lag_ms: int


class WorkList(msgspec.Struct, frozen=True):
    """Attempts to fold, the longest waiting first, and how many wait for a worker that has their rulebook."""

    waiting: list[UnfoldedAttempt]
    unsupported: int


async def list_unfolded(
    conn: AsyncConnection,
    limit: int,
    *,
    supported: Collection[int],
    excluded: Collection[UUID] = (),
    days_ago: int = 0,
) -> WorkList:
    """List attempts with events after their cursor whose rulebook this worker has, the longest waiting first.

    Checks each stream that was opened within `STREAM_DAYS`, or on one older day `days_ago`, with one index lookup.
    """
    now = await _now(conn)
    opened = EventStream.id >= first_id(now - timedelta(days=days_ago + 1 if days_ago else STREAM_DAYS))
    if days_ago:
        opened &= EventStream.id < first_id(now - timedelta(days=days_ago))
    waiting = _waiting(opened, ~is_among(EventStream.attempt_id, excluded)).subquery()
    is_supported = waiting.c.rulebook_version == any_(literal(list(supported), ARRAY(Integer)))
    found = await conn.execute(
        select(
            waiting.c.attempt_id,
            _lag_ms(waiting.c.oldest),
            is_supported.label("is_supported"),
            func.count().filter(~is_supported).over().label("unsupported"),
        )
        .order_by(is_supported.desc(), waiting.c.oldest)
        .limit(limit)
    )
    rows = found.all()
    return WorkList(
        [UnfoldedAttempt(row.attempt_id, row.lag_ms) for row in rows if row.is_supported],
        rows[0].unsupported if rows else 0,
    )


async def find_day_with_streams(conn: AsyncConnection, days_ago: int) -> int | None:
    """Find the first day, from `days_ago` on, on which streams were opened; return how many days ago it is."""
    now = await _now(conn)
    found = await conn.execute(
        select(EventStream.id)
        .where(EventStream.id < first_id(now - timedelta(days=days_ago)))
        .order_by(EventStream.id.desc())
        .limit(1)
    )
    newest: UUID | None = found.scalar_one_or_none()
    return None if newest is None else (now - created_at(newest)).days


async def find_unfolded(
    conn: AsyncConnection, attempt_ids: Collection[UUID], *, supported: Collection[int]
) -> list[UnfoldedAttempt]:
    """Find which of these attempts have events after their cursor, the longest waiting first."""
    waiting = _waiting(is_among(EventStream.attempt_id, attempt_ids), is_supported(supported)).subquery()
    found = await conn.execute(select(waiting.c.attempt_id, _lag_ms(waiting.c.oldest)).order_by(waiting.c.oldest))
    return [UnfoldedAttempt(row.attempt_id, row.lag_ms) for row in found]


def _waiting(*which: ColumnElement[bool]) -> Select[UUID, int, datetime]:
    """Select attempts with events after their cursor in these streams, and when the oldest of these was stored."""
    position = func.coalesce(cast(AnalysisCursor.positions[cast(EventStream.id, Text)].astext, BigInteger), 0)
    following = (
        select(MonitoringEvent.server_timestamp)
        .where(MonitoringEvent.stream_id == EventStream.id, MonitoringEvent.seq > position)
        .order_by(MonitoringEvent.seq)
        .limit(1)
        .correlate(EventStream, AnalysisCursor)
        .lateral("following")
    )
    return (
        select(
            EventStream.attempt_id,
            ExamAttempt.rulebook_version,
            func.min(following.c.server_timestamp).label("oldest"),
        )
        .join(AnalysisCursor, AnalysisCursor.attempt_id == EventStream.attempt_id)
        .join(ExamAttempt, ExamAttempt.id == EventStream.attempt_id)
        .join(following, true())
        .where(*which)
        .group_by(EventStream.attempt_id, ExamAttempt.rulebook_version)
    )


def _lag_ms(oldest: ColumnElement[datetime]) -> Label[int]:
    return cast(func.extract("epoch", func.clock_timestamp() - oldest) * 1000, BigInteger).label("lag_ms")


async def _now(conn: AsyncConnection) -> datetime:
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    return now
