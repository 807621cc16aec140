"""Presence in the database: which candidates are connected at any hub, and how many events their streams hold.

A connection counts as open until it is closed, or the lease of its hub has ended or expired. A hub without a lease
counts as alive. Never writes.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    extract,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import Connection, EventStream, ExamAttempt, HubLease, MonitoringEvent
from db.queries.connections.resume import CLOSED


class AttemptPresence(msgspec.Struct, frozen=True):
    """The newest connection of one attempt; `at` is when it was opened or closed, in ms since the epoch."""

    ix: int
    generation: int
    online: bool
    at: int


class StreamCount(msgspec.Struct, frozen=True):
    """The last stored number of one client stream, and when it was stored, in ms since the epoch."""

    exam_id: UUID
    ix: int
    stream_id: UUID
    seq: int
    at: int


async def read_presence(conn: AsyncConnection, exam_ids: Sequence[UUID]) -> dict[UUID, list[AttemptPresence]]:
    """Read the presence of every attempt of these exams that ever connected. Exams without any are left out."""
    gone = exists().where(
        HubLease.hub == Connection.hub,
        or_(HubLease.ended_at.is_not(None), HubLease.expires_at <= func.clock_timestamp()),
    )
    online = and_(Connection.closed_at.is_(None), ~gone)
    at = cast(1000 * extract("epoch", func.coalesce(Connection.closed_at, Connection.opened_at)), BigInteger)
    # One row for each exam: five thousand rows take the driver ten times as long.
    columns = (ExamAttempt.ix, ExamAttempt.generation, online, at)
    arrays = [func.array_agg(aggregate_order_by(column, ExamAttempt.ix)) for column in columns]
    found = await conn.execute(
        select(ExamAttempt.exam_id, *arrays)
        .join(
            Connection,
            (Connection.attempt_id == ExamAttempt.id) & (Connection.generation == ExamAttempt.generation),
        )
        .where(ExamAttempt.exam_id == any_(bindparam(None, list(exam_ids), type_=ARRAY(Uuid))))
        .group_by(ExamAttempt.exam_id)
    )
    return {exam_id: [AttemptPresence(*row) for row in zip(*lists, strict=True)] for exam_id, *lists in found}


async def read_counts(conn: AsyncConnection, attempts: Sequence[tuple[UUID, int]]) -> list[StreamCount]:
    """Count the stored numbers of the client streams of these attempts, named by exam and `ix`.

    A stream without events has no row. Refused and lost events count; the row that closes a stream does not.
    """
    named = (
        func.unnest(
            bindparam(None, [exam_id for exam_id, _ in attempts], type_=ARRAY(Uuid)),
            bindparam(None, [ix for _, ix in attempts], type_=ARRAY(Integer)),
        )
        .table_valued("exam_id", "ix")
        .render_derived()
    )
    last = (
        select(
            (MonitoringEvent.seq - case((MonitoringEvent.event_type == CLOSED, 1), else_=0)).label("seq"),
            MonitoringEvent.server_timestamp,
        )
        .where(MonitoringEvent.stream_id == EventStream.id)
        .order_by(MonitoringEvent.seq.desc())
        .limit(1)
        .lateral()
    )
    found = await conn.execute(
        select(ExamAttempt.exam_id, ExamAttempt.ix, EventStream.id, last.c.seq, last.c.server_timestamp)
        .select_from(named)
        .join(ExamAttempt, (ExamAttempt.exam_id == named.c.exam_id) & (ExamAttempt.ix == named.c.ix))
        .join(EventStream, (EventStream.attempt_id == ExamAttempt.id) & (EventStream.kind == "client"))
        .join(last, true())
    )
    return [StreamCount(exam_id, ix, stream_id, seq, to_ms(at)) for exam_id, ix, stream_id, seq, at in found]
