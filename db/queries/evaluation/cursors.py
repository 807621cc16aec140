"""Stage 6 of 9, SQL: cursors, which tell how far each attempt is folded, and the events that come next.

Events are returned in fold order: each stream by its numbers up to a hole, the streams of an attempt interleaved by the
time when PostgreSQL stored their events. The order is stored with the cursor, and a replay follows it. Never interprets
an event.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Text,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms, to_ms
from db.fold_order import Run, StreamClaim, interleave, runs_of, until_hole
from db.models import AnalysisCursor, EventStream, ExamAttempt, ExamPolicy
from protocol.attempts import RUNNING
from protocol.events import StoredEvent

EVENTS_PER_STREAM: Final = 5_000
EVENTS_PER_TRANSACTION: Final = 20_000


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed attempt: its rules and policy, and how far it is folded.

    `facts` counts the folded events. The stored state, `checkpoint_age_ms` old by PostgreSQL's clock, is the state
    after the first `checkpoint_facts` of them.
    """

    attempt_id: UUID
    exam_id: UUID
    has_ended: bool
    rulebook_version: int
    policy_id: UUID
    policy_version: int
    policy: dict[str, Any]
    streams: tuple[StreamClaim, ...]
    last_run: Run | None
    facts: int
    checkpoint_facts: int
    checkpoint_age_ms: int
    coverage: float | None = None
    """The stored coverage."""
    observed: bytes | None = None
    """What was observed, as JSON: None if nothing is stored."""


class Hole(msgspec.Struct, frozen=True):
    """The first number of a stream that is missing although a later one is stored, and that was not declared lost."""

    attempt_id: UUID
    stream_id: UUID
    seq: int


class NextEvents(msgspec.Struct, frozen=True):
    """The next events of claimed attempts, in fold order, and the holes at which streams stopped.

    Attempts in `cut` have more events than one read returns.
    """

    events: dict[UUID, list[StoredEvent]]
    holes: list[Hole]
    cut: set[UUID]


class Advance(msgspec.Struct, frozen=True):
    """One cursor's step: the folded events in order.

    `checkpoint` is the state of the rules after them; None keeps the stored state. `observed` is what was observed
    after them, as JSON, and `last_event_ms` when the newest event of a client arrived; None for an attempt without an
    observation.
    """

    cursor: Cursor
    events: Sequence[StoredEvent]
    checkpoint: bytes | None
    observed: bytes | None = None
    last_event_ms: int | None = None


async def claim_cursors(
    conn: AsyncConnection, attempt_ids: Sequence[UUID], limit: int, *, supported: Collection[int]
) -> list[Cursor]:
    """Lock the cursors of these attempts, in this order, until COMMIT.

    Skips cursors that another process has locked.
    """
    age = func.extract("epoch", func.clock_timestamp() - AnalysisCursor.checkpointed_at)
    found = await conn.execute(
        select(
            AnalysisCursor.attempt_id,
            AnalysisCursor.positions,
            AnalysisCursor.fold_order[-1].label("last_run"),
            AnalysisCursor.facts,
            AnalysisCursor.checkpoint_facts,
            cast(age * 1000, BigInteger).label("checkpoint_age_ms"),
            cast(AnalysisCursor.observed, Text).label("observed"),
            ExamAttempt.exam_id,
            ExamAttempt.status.not_in(RUNNING).label("has_ended"),
            ExamAttempt.rulebook_version,
            ExamAttempt.coverage,
            ExamAttempt.policy_id,
            ExamPolicy.version.label("policy_version"),
            ExamPolicy.settings.label("policy"),
        )
        .join(ExamAttempt, ExamAttempt.id == AnalysisCursor.attempt_id)
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(is_among(AnalysisCursor.attempt_id, attempt_ids), is_supported(supported))
        .order_by(func.array_position(_ids(attempt_ids), AnalysisCursor.attempt_id))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=AnalysisCursor)
    )
    rows = found.all()
    streams = await _claim_streams(conn, {row.attempt_id: row.positions for row in rows})
    return [
        Cursor(
            attempt_id=row.attempt_id,
            exam_id=row.exam_id,
            has_ended=row.has_ended,
            rulebook_version=row.rulebook_version,
            policy_id=row.policy_id,
            policy_version=row.policy_version,
            policy=row.policy,
            streams=streams.get(row.attempt_id, ()),
            last_run=msgspec.convert(row.last_run, Run | None),
            facts=row.facts,
            checkpoint_facts=row.checkpoint_facts,
            checkpoint_age_ms=row.checkpoint_age_ms,
            coverage=row.coverage,
            observed=None if row.observed is None else row.observed.encode(),
        )
        for row in rows
    ]


async def read_events(
    conn: AsyncConnection,
    cursors: Sequence[Cursor],
    limit: int = EVENTS_PER_TRANSACTION,
    per_stream: int = EVENTS_PER_STREAM,
) -> NextEvents:
    """Read the next events of each claimed attempt: about `limit` events, shared by their streams."""
    streams = {stream.stream_id: stream for cursor in cursors for stream in cursor.streams}
    most = max(min(per_stream, limit // max(len(streams), 1)), 1)
    read = await _next(conn, streams, most)
    reading = NextEvents({}, [], set())
    for cursor in cursors:
        parts = []
        for stream in cursor.streams:
            part, missing = until_hole(stream, read.get(stream.stream_id, ()))
            parts.append(part)
            if missing is not None:
                reading.holes.append(Hole(cursor.attempt_id, stream.stream_id, missing))
        if any(len(read.get(stream.stream_id, ())) == most for stream in cursor.streams):
            reading.cut.add(cursor.attempt_id)
        ordered = interleave(parts, most)
        if ordered:
            reading.events[cursor.attempt_id] = ordered
    return reading


async def store_cursors(conn: AsyncConnection, advances: Sequence[Advance]) -> None:
    """Store the new positions, fold order, event count and, where there is one, state of claimed cursors."""
    moved = [_moved(advance) for advance in advances if advance.checkpoint is None]
    kept = [
        {**_moved(advance), "checkpoint": advance.checkpoint} for advance in advances if advance.checkpoint is not None
    ]
    if moved:
        await conn.execute(_MOVE, moved)
    if kept:
        await conn.execute(_MOVE_AND_KEEP, kept)


def is_supported(supported: Collection[int]) -> ColumnElement[bool]:
    """Return the condition on `ExamAttempt` that this worker has the attempt's rulebook."""
    among: ColumnElement[bool] = ExamAttempt.rulebook_version == any_(literal(list(supported), ARRAY(Integer)))
    return among


async def _claim_streams(
    conn: AsyncConnection, positions: dict[UUID, dict[str, int]]
) -> dict[UUID, tuple[StreamClaim, ...]]:
    """Read the streams of claimed attempts, in the order in which they were opened."""
    found = await conn.execute(
        select(EventStream.attempt_id, EventStream.id, EventStream.kind, EventStream.time_base)
        .where(is_among(EventStream.attempt_id, positions))
        .order_by(EventStream.attempt_id, EventStream.id)
    )
    return {
        attempt_id: tuple(
            StreamClaim(row.id, row.kind, row.time_base, positions[attempt_id].get(str(row.id), 0)) for row in rows
        )
        for attempt_id, rows in groupby(found, attrgetter("attempt_id"))
    }


EVENT: Final = "stream_id, seq, event_type, mono, client_timestamp, server_timestamp, data_payload::text"
"""The columns that `to_events` reads."""

# As text: Core has no plain way to write unnest of two arrays beside a LATERAL.
_NEXT: Final = text(
    f"""
    SELECT event.*
    FROM unnest(:streams, :positions) WITH ORDINALITY AS claimed (stream_id, position, n)
    CROSS JOIN LATERAL (
        SELECT {EVENT}
        FROM monitoring_events
        WHERE stream_id = claimed.stream_id AND seq > claimed.position
        ORDER BY seq
        LIMIT :most
    ) AS event
    ORDER BY claimed.n, event.seq
    """  # noqa: S608 - a constant
).bindparams(
    bindparam("streams", type_=ARRAY(PG_UUID)), bindparam("positions", type_=ARRAY(BigInteger)), bindparam("most")
)


async def _next(conn: AsyncConnection, streams: dict[UUID, StreamClaim], most: int) -> dict[UUID, list[StoredEvent]]:
    """Read up to `most` stored events after the position of each stream, by number."""
    found = await conn.execute(
        _NEXT,
        {"streams": list(streams), "positions": [stream.position for stream in streams.values()], "most": most},
    )
    events = to_events(found, {stream_id: stream.time_base for stream_id, stream in streams.items()})
    return {stream_id: list(group) for stream_id, group in groupby(events, attrgetter("stream_id"))}


def to_events(rows: Iterable[Sequence[Any]], time_bases: Mapping[UUID, int]) -> list[StoredEvent]:
    """Convert rows of `EVENT` to events, in the order of the rows."""
    return [
        StoredEvent(
            stream_id,
            seq,
            event_type,
            time_bases[stream_id] + mono,
            to_ms(client_timestamp),
            to_ms(server_timestamp),
            payload.encode(),
        )
        for stream_id, seq, event_type, mono, client_timestamp, server_timestamp, payload in rows
    ]


_MOVE: Final = (
    update(AnalysisCursor)
    .where(AnalysisCursor.attempt_id == bindparam("claimed"))
    .values(
        positions=AnalysisCursor.positions.op("||")(bindparam("moved", type_=JSONB)),
        fold_order=case(
            (bindparam("continues"), AnalysisCursor.fold_order.op("-")(cast(-1, Integer))),
            else_=AnalysisCursor.fold_order,
        ).op("||")(bindparam("runs", type_=JSONB)),
        facts=AnalysisCursor.facts + bindparam("folded"),
        observed=cast(bindparam("seen", type_=Text), JSONB),
        last_event_at=bindparam("seen_at", type_=DateTime(timezone=True)),
        folded_at=func.clock_timestamp(),
    )
)
_MOVE_AND_KEEP: Final = _MOVE.values(
    state=bindparam("checkpoint"),
    checkpoint_facts=AnalysisCursor.facts + bindparam("folded"),
    checkpointed_at=func.clock_timestamp(),
)


def _moved(advance: Advance) -> dict[str, Any]:
    runs = runs_of(advance.events, advance.cursor.last_run)
    last = advance.cursor.last_run
    return {
        "claimed": advance.cursor.attempt_id,
        "moved": {str(run.stream_id): run.last for run in runs},
        "continues": last is not None and bool(runs) and runs[0].stream_id == last.stream_id,
        "runs": msgspec.to_builtins(runs),
        "folded": len(advance.events),
        "seen": None if advance.observed is None else advance.observed.decode(),
        "seen_at": None if advance.last_event_ms is None else from_ms(advance.last_event_ms),
    }


def _ids(ids: Collection[UUID]) -> ColumnElement[Any]:
    return literal(list(ids), ARRAY(PG_UUID))


def is_among(column: Any, ids: Collection[UUID]) -> ColumnElement[bool]:
    """Return the condition that a column is one of these ids.

    It has one array parameter, so that the prepared statement is the same for any number of ids.
    """
    among: ColumnElement[bool] = column == any_(_ids(ids))
    return among
