"""Stage 6 of 9, its SQL: which attempts have unjudged facts, and how far each one is folded.

Facts leave here in fold order: each stream by its numbers, stopping at a hole; the streams of an attempt interleaved
in the order PostgreSQL first saw their facts. The order is stored with the cursor, and replay follows what is stored.
Nothing here concludes anything from a fact.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.fold_order import Run, StreamClaim, interleave, runs_of, until_hole
from db.models import AnalysisCursor, EventStream, ExamAttempt, ExamPolicy, MonitoringEvent
from db.partitions import first_id
from protocol.events import Fact

STREAM_DAYS: Final = 2
"""A stream lives a day at most: an older one has nothing unjudged, unless no worker ran since."""

FACTS_PER_STREAM: Final = 5_000
FACTS_PER_TRANSACTION: Final = 20_000


class Unjudged(msgspec.Struct, frozen=True):
    """An attempt with facts past its cursor; `lag_ms` is the age of the oldest of them."""

    attempt_id: UUID
    lag_ms: int


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed attempt: what it is judged by, and where its fold stands."""

    attempt_id: UUID
    exam_id: UUID
    rulebook_version: int
    policy_id: UUID
    policy_version: int
    policy: dict[str, Any]
    streams: tuple[StreamClaim, ...]
    last_run: Run | None
    state: bytes
    facts: int


class Hole(msgspec.Struct, frozen=True):
    """The first of some numbers that are not stored, while a later one is, and that nobody declared lost."""

    attempt_id: UUID
    stream_id: UUID
    seq: int


class Reading(msgspec.Struct, frozen=True):
    """The next facts of claimed attempts, each attempt's in fold order, and the holes at which streams stopped."""

    facts: dict[UUID, list[Fact]]
    holes: list[Hole]


class Advance(msgspec.Struct, frozen=True):
    """One cursor's way forward: the facts that were folded, in their order, and the engine's state after them."""

    cursor: Cursor
    facts: Sequence[Fact]
    state: bytes


async def unjudged(
    conn: AsyncConnection,
    limit: int,
    *,
    rulebook_version: int,
    days: int = STREAM_DAYS,
    besides: Collection[UUID] = (),
) -> list[Unjudged]:
    """The work list: attempts of this rulebook with facts past their cursor, the longest waiting first.

    Asks every stream opened within `days` for its next fact: one index probe each.
    """
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    statement = (
        _work_list(rulebook_version)
        .where(EventStream.id >= first_id(now - timedelta(days=days)))
        .where(~_is_among(EventStream.attempt_id, besides))
        .limit(limit)
    )
    found = await conn.execute(statement)
    return [Unjudged(row.attempt_id, row.lag_ms) for row in found]


async def unjudged_among(
    conn: AsyncConnection, attempt_ids: Collection[UUID], *, rulebook_version: int
) -> list[Unjudged]:
    """Which of these attempts have facts past their cursor, the longest waiting first; locks nothing."""
    found = await conn.execute(_work_list(rulebook_version).where(_is_among(EventStream.attempt_id, attempt_ids)))
    return [Unjudged(row.attempt_id, row.lag_ms) for row in found]


async def claim(
    conn: AsyncConnection, attempt_ids: Sequence[UUID], limit: int, *, rulebook_version: int
) -> list[Cursor]:
    """Lock the cursors of these attempts, in this order, that nobody else holds; they stay locked until COMMIT."""
    found = await conn.execute(
        select(
            AnalysisCursor.attempt_id,
            AnalysisCursor.positions,
            AnalysisCursor.fold_order[-1].label("last_run"),
            AnalysisCursor.state,
            AnalysisCursor.facts,
            ExamAttempt.exam_id,
            ExamAttempt.rulebook_version,
            ExamAttempt.policy_id,
            ExamPolicy.version,
            ExamPolicy.settings,
        )
        .join(ExamAttempt, ExamAttempt.id == AnalysisCursor.attempt_id)
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(_is_among(AnalysisCursor.attempt_id, attempt_ids), ExamAttempt.rulebook_version == rulebook_version)
        .order_by(func.array_position(_ids(attempt_ids), AnalysisCursor.attempt_id))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=AnalysisCursor)
    )
    rows = found.all()
    positions = {row.attempt_id: row.positions for row in rows}
    streams = await _claim_streams(conn, positions)
    return [
        Cursor(
            attempt_id=row.attempt_id,
            exam_id=row.exam_id,
            rulebook_version=row.rulebook_version,
            policy_id=row.policy_id,
            policy_version=row.version,
            policy=row.settings,
            streams=streams.get(row.attempt_id, ()),
            last_run=msgspec.convert(row.last_run, Run | None),
            state=row.state,
            facts=row.facts,
        )
        for row in rows
    ]


async def read_facts(conn: AsyncConnection, cursors: Sequence[Cursor], limit: int = FACTS_PER_TRANSACTION) -> Reading:
    """Read what comes next in each claimed attempt: about `limit` facts, shared by their streams."""
    streams = {stream.stream_id: stream for cursor in cursors for stream in cursor.streams}
    most = max(min(FACTS_PER_STREAM, limit // max(len(streams), 1)), 1)
    read = await _next(conn, streams, most)
    reading = Reading({}, [])
    for cursor in cursors:
        parts = []
        for stream in cursor.streams:
            part, missing = until_hole(stream, read.get(stream.stream_id, ()))
            parts.append(part)
            if missing is not None:
                reading.holes.append(Hole(cursor.attempt_id, stream.stream_id, missing))
        ordered = interleave(parts, most)
        if ordered:
            reading.facts[cursor.attempt_id] = ordered
    return reading


async def store(conn: AsyncConnection, advances: Sequence[Advance]) -> None:
    """Move the cursors of claimed attempts: positions, fold order, state, count."""
    if advances:
        await conn.execute(_STORE, [_stored(advance) for advance in advances])


def _work_list(rulebook_version: int) -> Select[UUID, int]:
    position = func.coalesce(cast(AnalysisCursor.positions[cast(EventStream.id, Text)].astext, BigInteger), 0)
    following = (
        select(MonitoringEvent.server_timestamp)
        .where(MonitoringEvent.stream_id == EventStream.id, MonitoringEvent.seq > position)
        .order_by(MonitoringEvent.seq)
        .limit(1)
        .correlate(EventStream, AnalysisCursor)
        .lateral("following")
    )
    oldest = func.min(following.c.server_timestamp)
    lag_ms = cast(func.extract("epoch", func.clock_timestamp() - oldest) * 1000, BigInteger)
    return (
        select(EventStream.attempt_id, lag_ms.label("lag_ms"))
        .join(AnalysisCursor, AnalysisCursor.attempt_id == EventStream.attempt_id)
        .join(ExamAttempt, ExamAttempt.id == EventStream.attempt_id)
        .join(following, true())
        .where(ExamAttempt.rulebook_version == rulebook_version)
        .group_by(EventStream.attempt_id)
        .order_by(oldest)
    )


async def _claim_streams(
    conn: AsyncConnection, positions: dict[UUID, dict[str, int]]
) -> dict[UUID, tuple[StreamClaim, ...]]:
    """The streams of claimed attempts, in the order they were opened."""
    found = await conn.execute(
        select(EventStream.attempt_id, EventStream.id, EventStream.kind, EventStream.time_base)
        .where(_is_among(EventStream.attempt_id, positions))
        .order_by(EventStream.attempt_id, EventStream.id)
    )
    return {
        attempt_id: tuple(
            StreamClaim(row.id, row.kind, row.time_base, positions[attempt_id].get(str(row.id), 0)) for row in rows
        )
        for attempt_id, rows in groupby(found, attrgetter("attempt_id"))
    }


# As text: Core has no plain way to write unnest of two arrays beside a LATERAL.
_NEXT: Final = text(
    """
    SELECT event.*
    FROM unnest(:streams, :positions) WITH ORDINALITY AS claimed (stream_id, position, n)
    CROSS JOIN LATERAL (
        SELECT stream_id, seq, event_type, mono, client_timestamp, server_timestamp, data_payload::text
        FROM monitoring_events
        WHERE stream_id = claimed.stream_id AND seq > claimed.position
        ORDER BY seq
        LIMIT :most
    ) AS event
    ORDER BY claimed.n, event.seq
    """
).bindparams(
    bindparam("streams", type_=ARRAY(PG_UUID)), bindparam("positions", type_=ARRAY(BigInteger)), bindparam("most")
)


async def _next(conn: AsyncConnection, streams: dict[UUID, StreamClaim], most: int) -> dict[UUID, list[Fact]]:
    """Up to `most` stored facts past the position of each stream, by number."""
    found = await conn.execute(
        _NEXT,
        {"streams": list(streams), "positions": [one.position for one in streams.values()], "most": most},
    )
    facts = [
        Fact(
            stream_id,
            seq,
            event_type,
            streams[stream_id].time_base + mono,
            to_ms(client_timestamp),
            to_ms(server_timestamp),
            payload.encode(),
        )
        for stream_id, seq, event_type, mono, client_timestamp, server_timestamp, payload in found.all()
    ]
    return {stream_id: list(group) for stream_id, group in groupby(facts, attrgetter("stream_id"))}


_STORE: Final = (
    update(AnalysisCursor)
    .where(AnalysisCursor.attempt_id == bindparam("claimed"))
    .values(
        positions=AnalysisCursor.positions.op("||")(bindparam("moved", type_=JSONB)),
        fold_order=case(
            (bindparam("continues"), AnalysisCursor.fold_order.op("-")(cast(-1, Integer))),
            else_=AnalysisCursor.fold_order,
        ).op("||")(bindparam("runs", type_=JSONB)),
        state=bindparam("checkpoint"),
        facts=AnalysisCursor.facts + bindparam("folded"),
        folded_at=func.clock_timestamp(),
    )
)


def _stored(advance: Advance) -> dict[str, Any]:
    runs = runs_of(advance.facts, advance.cursor.last_run)
    last = advance.cursor.last_run
    return {
        "claimed": advance.cursor.attempt_id,
        "moved": {str(run.stream_id): run.last for run in runs},
        "continues": last is not None and bool(runs) and runs[0].stream_id == last.stream_id,
        "runs": msgspec.to_builtins(runs),
        "checkpoint": advance.state,
        "folded": len(advance.facts),
    }


def _ids(ids: Collection[UUID]) -> ColumnElement[Any]:
    return literal(list(ids), ARRAY(PG_UUID))


def _is_among(column: Any, ids: Collection[UUID]) -> ColumnElement[bool]:
    """One array parameter: the same prepared statement whatever the number of ids."""
    among: ColumnElement[bool] = column == any_(_ids(ids))
    return among
