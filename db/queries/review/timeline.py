"""The events of an attempt, page by page: each stream by its numbers, the streams by time of storage.

Reads no more of a stream than the page shows, except with a filter. Never interprets events: whether an event is an
anomaly follows from the flags that cite it.
"""

from collections.abc import Collection, Mapping, Sequence
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import BehaviorAnalysis, EventStream, MonitoringEvent
from protocol.analysis import AnalysisState, DropoutLabel, ModelState, Trend
from protocol.events import MARKER_EVENTS

EventId = tuple[UUID, int]
"""Position of an event: stream and number."""


class StreamInfo(msgspec.Struct, frozen=True):
    """One stream of an attempt."""

    stream_id: UUID
    kind: Literal["client", "system"]
    time_base: int


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One stored event; times in ms since the epoch.

    `at` is the client's clock and `severity` the client's claim; both are shown and never used. `rule_ms` is the
    event's time for the rules. Both times are null for markers, which replace lost or refused events.
    """

    stream_id: UUID
    seq: int
    event_type: str
    kind: Literal["client", "system"]
    at: int | None
    server_at: int
    rule_ms: int | None
    severity: str | None
    data: dict[str, Any]


class EventFilter(msgspec.Struct, frozen=True):
    """A filter for events; None means any. With `cited`, only these events."""

    event_type: str | None = None
    severity: str | None = None
    cited: Collection[EventId] | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Events in order, and for each stream the last number up to which all matching events were returned."""

    events: list[RecordedEvent]
    positions: dict[UUID, int]
    is_last: bool


class AnalysisRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The analysis of one ended attempt; `analysed_at` in ms since the epoch."""

    state: AnalysisState
    revision: int
    integrity_score: float | None
    coverage: float | None
    lmi_score: float | None
    improvement_trend: Trend | None
    dropout_label: DropoutLabel | None
    dropout_confidence: float | None
    llm_summary: str
    llm_recommendations: list[Any]
    originality_indicators: list[Any]
    llm_model_version: str
    model_state: ModelState
    requires_instructor_attention: bool
    requires_recap: bool
    analysed_at: int | None


async def read_streams(conn: AsyncConnection, attempt_id: UUID) -> list[StreamInfo]:
    """Read the streams of an attempt, the first one first. The caller has checked the access."""
    found = await conn.execute(_STREAMS, {"attempt": attempt_id})
    return [StreamInfo(row.id, row.kind, row.time_base) for row in found]


async def count_events(conn: AsyncConnection, streams: Sequence[StreamInfo]) -> int:
    """Count the events of these streams."""
    found = await conn.execute(_COUNT, {"streams": [stream.stream_id for stream in streams]})
    return int(found.scalar_one())


async def read_page(
    conn: AsyncConnection,
    streams: Sequence[StreamInfo],
    *,
    positions: Mapping[UUID, int],
    wanted: EventFilter,
    limit: int,
) -> EventPage:
    """Read the next events after these positions.

    Each stream is read along its key from its position, so every page takes the same time, and no event is returned
    twice or left out, regardless of the clocks of servers. Call this last in a transaction: it changes a setting of the
    planner until COMMIT.
    """
    # The planner assumes streams of average length and would sort, which reads a long stream completely.
    await conn.execute(_WALK)
    cited = wanted.cited or ()
    found = await conn.execute(
        NEXT,
        {
            "streams": [stream.stream_id for stream in streams],
            "positions": [positions.get(stream.stream_id, 0) for stream in streams],
            "type": wanted.event_type,
            "severity": wanted.severity,
            "any": wanted.cited is None,
            "cited_streams": [stream_id for stream_id, _ in cited],
            "cited_seqs": [seq for _, seq in cited],
            "most": limit + 1,
        },
    )
    known = {stream.stream_id: stream for stream in streams}
    each = [list(rows) for _, rows in groupby(found, attrgetter("stream_id"))]
    ordered = list(islice(merge(*each, key=attrgetter("server_timestamp", "stream_id")), limit + 1))
    shown = ordered[:limit]
    return EventPage(
        events=[_event(row, known[row.stream_id]) for row in shown],
        positions={**positions, **{row.stream_id: row.seq for row in shown}},
        is_last=len(ordered) <= limit,
    )


async def read_analysis(conn: AsyncConnection, attempt_id: UUID) -> AnalysisRecord | None:
    """Read the analysis of an attempt; None before it has ended."""
    found = await conn.execute(_ANALYSIS, {"attempt": attempt_id})
    row = found.mappings().one_or_none()
    if row is None:
        return None
    at = row["analysed_at"]
    return msgspec.convert({**row, "analysed_at": None if at is None else to_ms(at)}, AnalysisRecord)


# Reads each stream along its key from its position, so that only the partitions of these streams are read.
NEXT: Final = (
    text(
        """
        SELECT event.*
        FROM unnest(:streams, :positions) AS part (stream_id, position)
        CROSS JOIN LATERAL (
            SELECT stream_id, seq, mono, client_timestamp, server_timestamp, event_type, severity, data_payload
            FROM monitoring_events
            WHERE stream_id = part.stream_id AND seq > part.position
              AND (CAST(:type AS text) IS NULL OR event_type = :type)
              AND (CAST(:severity AS text) IS NULL OR severity = :severity)
              AND (:any OR (stream_id, seq) IN (SELECT * FROM unnest(:cited_streams, :cited_seqs)))
            ORDER BY seq
            LIMIT :most
        ) AS event
        ORDER BY event.stream_id, event.seq
        """
    )
    .bindparams(
        bindparam("streams", type_=ARRAY(PG_UUID)),
        bindparam("positions", type_=ARRAY(BigInteger)),
        bindparam("cited_streams", type_=ARRAY(PG_UUID)),
        bindparam("cited_seqs", type_=ARRAY(BigInteger)),
    )
    .columns(data_payload=JSONB)
)

_WALK: Final = text("SET LOCAL enable_sort = off")
_STREAMS: Final = (
    select(EventStream.id, EventStream.kind, EventStream.time_base)
    .where(EventStream.attempt_id == bindparam("attempt"))
    .order_by(EventStream.id)
)
_COUNT: Final = (
    select(func.count())
    .select_from(MonitoringEvent)
    .where(MonitoringEvent.stream_id == any_(bindparam("streams", type_=ARRAY(PG_UUID))))
)
_ANALYSIS: Final = select(
    *(getattr(BehaviorAnalysis, field.name) for field in msgspec.structs.fields(AnalysisRecord))
).where(BehaviorAnalysis.attempt_id == bindparam("attempt"))


def _event(row: Any, stream: StreamInfo) -> RecordedEvent:
    is_marker = row.event_type in MARKER_EVENTS
    return RecordedEvent(
        stream_id=row.stream_id,
        seq=row.seq,
        event_type=row.event_type,
        kind=stream.kind,
        at=None if is_marker else to_ms(row.client_timestamp),
        server_at=to_ms(row.server_timestamp),
        rule_ms=None if is_marker else stream.time_base + row.mono,
        severity=row.severity,
        data=row.data_payload,
    )
