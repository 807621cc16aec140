"""An attempt's facts page by page: every stream in the order of its numbers, the streams by when they were stored.

No page reads more of a stream than it shows, unless a filter makes it look further. Nothing here is concluded: whether
a fact is an anomaly follows from the flags that cite it.
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
"""Where a fact stands: stream and number."""


class StreamInfo(msgspec.Struct, frozen=True):
    """One stream of an attempt."""

    stream_id: UUID
    kind: Literal["client", "system"]
    time_base: int


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One stored fact; times in ms since the epoch.

    `at` is the client's own clock and `severity` the client's own word: claims, shown and never used. `rule_ms` is when
    rules take it to have happened. Both times are null where a number stands for events nobody has any more.
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
    """Which facts are wanted; None means any. `cited` wants just these."""

    event_type: str | None = None
    severity: str | None = None
    cited: Collection[EventId] | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Some facts in order, and the last number of each stream up to which all that was wanted has been shown."""

    events: list[RecordedEvent]
    positions: dict[UUID, int]
    is_last: bool


class AnalysisRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is concluded about one attempt that has ended; `analysed_at` in ms since the epoch."""

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
    """The streams of an attempt, the first one first, for a caller who has asked whether it may be seen."""
    found = await conn.execute(_STREAMS, {"attempt": attempt_id})
    return [StreamInfo(row.id, row.kind, row.time_base) for row in found]


async def count_events(conn: AsyncConnection, streams: Sequence[StreamInfo]) -> int:
    """How many facts these streams hold."""
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
    """Read the next facts after these positions.

    Each stream is read along its key from its own position, so a page costs the same wherever it lies, and no fact is
    shown twice or left out, whatever servers' clocks did. Call this last in a transaction: for the rest of it
    PostgreSQL sorts only where it must.
    """
    # It takes every stream for an average one, and would rather sort than walk; a long one it would read whole.
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
    """Read what is concluded about an attempt; None before it has ended."""
    found = await conn.execute(_ANALYSIS, {"attempt": attempt_id})
    row = found.mappings().one_or_none()
    if row is None:
        return None
    at = row["analysed_at"]
    return msgspec.convert({**row, "analysed_at": None if at is None else to_ms(at)}, AnalysisRecord)


# Each stream by its key from its own position: partitions are chosen as it runs.
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
    is_place = row.event_type in MARKER_EVENTS
    return RecordedEvent(
        stream_id=row.stream_id,
        seq=row.seq,
        event_type=row.event_type,
        kind=stream.kind,
        at=None if is_place else to_ms(row.client_timestamp),
        server_at=to_ms(row.server_timestamp),
        rule_ms=None if is_place else stream.time_base + row.mono,
        severity=row.severity,
        data=row.data_payload,
    )
