"""Presence as the record has it: whose newest connection stands, at whichever hub, and how much streams hold.

A connection stands while it is open and nothing says that its hub is gone: a lease that has ended, or run out. A hub
without any lease is believed.
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
    """One attempt's newest connection; `at` is when it was opened or closed, ms since the epoch."""

    ix: int
    generation: int
    online: bool
    at: int


class StreamCount(msgspec.Struct, frozen=True):
    """The last number stored of one client stream, and when, ms since the epoch."""

    exam_id: UUID
    ix: int
    stream_id: UUID
    seq: int
    at: int


async def read_presence(conn: AsyncConnection, exam_ids: Sequence[UUID]) -> dict[UUID, list[AttemptPresence]]:
    """Every attempt of these exams that was ever connected; exams without any are left out."""
    gone = exists().where(
        HubLease.hub == Connection.hub,
        or_(HubLease.ended_at.is_not(None), HubLease.expires_at <= func.clock_timestamp()),
    )
    online = and_(Connection.closed_at.is_(None), ~gone)
    at = cast(1000 * extract("epoch", func.coalesce(Connection.closed_at, Connection.opened_at)), BigInteger)
    # One row an exam: five thousand rows cost the driver ten times as much.
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
    """How much the client streams of these attempts hold, each named by its exam and its small number there.

    A stream that holds nothing has no row. Whatever was refused or lost is numbered too, and counts; a row that closes
    a stream does not.
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
