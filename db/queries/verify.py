"""Checks of whole tables for `veritas verify`, and counts for simulated exams.

Never writes. No query runs once per stream. Each check returns its first breaches, not all of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, NullPool, Text, TextClause, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from db import answer_columns
from db.models import EventStream, ExamAttempt, Flag, MonitoringEvent
from protocol.codes import RejectCode
from protocol.limits import ITEM_CHARS

SHOWN: Final = 20
"""The most breaches of one kind that are returned."""


class Breach(msgspec.Struct, frozen=True):
    """One place where stored data break a rule: where, and what is wrong."""

    where: str
    what: str


class Extent(msgspec.Struct, frozen=True):
    """The size of the data to check."""

    streams: int
    events: int
    feeds: int
    cursors: int


_EXTENT: Final = text(
    "SELECT (SELECT count(*) FROM event_streams) AS streams, (SELECT count(*) FROM monitoring_events) AS events, "
    "(SELECT count(*) FROM feed_heads) AS feeds, (SELECT count(*) FROM analysis_cursors) AS cursors"
)

# An `events_lost` row covers the numbers from its `from` to its own; every other row covers its own number.
_SPANS: Final = """
    SELECT stream_id, seq,
           CASE WHEN event_type <> 'events_lost' THEN seq
                WHEN jsonb_typeof(data_payload -> 'from') = 'number' THEN (data_payload -> 'from')::numeric
           END AS first_seq,
           coalesce(lag(seq) OVER (PARTITION BY stream_id ORDER BY seq), 0) AS before
    FROM monitoring_events
"""

# Streams whose events are deleted after their time, or are being deleted now.
_PAST: Final = """
    SELECT stream.id FROM event_streams AS stream JOIN exam_attempts AS attempt ON attempt.id = stream.attempt_id
    WHERE attempt.events_deleted_at IS NOT NULL
"""

_SEQUENCE_ERRORS: Final = text(
    f"SELECT stream_id AS place, seq, first_seq, before FROM ({_SPANS}) AS spans "  # noqa: S608 - a constant
    "WHERE (first_seq IS DISTINCT FROM before + 1 OR first_seq > seq) "
    f"AND stream_id NOT IN ({_PAST}) ORDER BY stream_id, seq LIMIT :most"
)
_UNKEYED_PARTITIONS: Final = text(
    """
    SELECT child.relname AS place
    FROM pg_partition_tree('monitoring_events') AS tree JOIN pg_class child ON child.oid = tree.relid
    WHERE NOT EXISTS (
        SELECT FROM pg_index
        WHERE indrelid = tree.relid AND indisunique AND indisvalid AND indpred IS NULL
          AND (SELECT array_agg(attname ORDER BY attname) FROM pg_attribute
               WHERE attrelid = indrelid AND attnum = ANY (indkey)) = ARRAY['seq', 'stream_id']::name[])
    ORDER BY child.relname LIMIT :most
    """
)
_ORPHANED_EVENTS: Final = text(
    """
    SELECT stream_id AS place, count(*) AS a FROM monitoring_events AS event
    WHERE NOT EXISTS (SELECT FROM event_streams WHERE event_streams.id = event.stream_id)
    GROUP BY stream_id ORDER BY stream_id LIMIT :most
    """
)
_FEEDS: Final = text(
    """
    SELECT exam_id AS place, coalesce(head, -1) AS a, coalesce(rows, 0) AS b,
           coalesce(first, 0) AS c, coalesce(last, 0) AS d
    FROM feed_heads FULL JOIN (
        SELECT exam_id, count(*) AS rows, min("offset") AS first, max("offset") AS last FROM exam_feed GROUP BY exam_id
    ) AS feeds USING (exam_id)
    WHERE head IS NULL OR head <> coalesce(last, 0) OR rows <> last - first + 1 OR first < 1
    ORDER BY exam_id LIMIT :most
    """
)
_CURSORS: Final = text(
    f"""
    SELECT cursor.attempt_id AS place, position.key AS stream, position.value::bigint AS a, coalesce(head.last, 0) AS b,
           stream.attempt_id IS NOT DISTINCT FROM cursor.attempt_id AS own
    FROM analysis_cursors AS cursor CROSS JOIN jsonb_each_text(cursor.positions) AS position
    LEFT JOIN event_streams AS stream ON stream.id = position.key::uuid
    LEFT JOIN (SELECT stream_id, max(seq) AS last FROM monitoring_events GROUP BY stream_id) AS head
           ON head.stream_id = position.key::uuid
    WHERE stream.attempt_id IS DISTINCT FROM cursor.attempt_id
       OR (position.value::bigint > coalesce(head.last, 0) AND position.key::uuid NOT IN ({_PAST}))
    ORDER BY cursor.attempt_id LIMIT :most
    """  # noqa: S608 - a constant
)
_MALFORMED_MARKERS: Final = text(
    """
    SELECT stream_id AS place, seq, event_type
    FROM monitoring_events
    WHERE event_type IN ('events_lost', 'rejected')
      AND NOT CASE event_type
          WHEN 'rejected' THEN coalesce(data_payload ->> 'code' = ANY (:codes), false)
          ELSE jsonb_typeof(data_payload -> 'reason') IS NOT DISTINCT FROM 'string'
               AND coalesce(data_payload ->> 'from' ~ '^[1-9][0-9]*$', false) END
    ORDER BY stream_id, seq LIMIT :most
    """
).bindparams(bindparam("codes", list(RejectCode), ARRAY(Text)))
# Which events are revisions: the same as in `db.answer_columns`. Answers are kept when the events are deleted.
_ANSWERS: Final = text(
    f"""
    WITH given AS (
        SELECT event.stream_id, event.seq, stream.attempt_id, data_payload ->> 'item' AS item,
               data_payload -> CASE event_type WHEN 'draft_saved' THEN 'text' ELSE 'value' END AS value
        FROM monitoring_events AS event JOIN event_streams AS stream ON stream.id = event.stream_id
        WHERE event_type = ANY (:types)
          AND jsonb_typeof(data_payload -> 'item') = 'string'
          AND char_length(data_payload ->> 'item') BETWEEN 1 AND :item_chars
          AND CASE event_type WHEN 'draft_saved' THEN coalesce(jsonb_typeof(data_payload -> 'text') = 'string', false)
                              ELSE data_payload ? 'value' END
    )
    SELECT stream_id AS place, seq, given.item IS NULL AS has_no_event, answer.item IS NULL AS has_no_answer
    FROM given FULL JOIN attempt_answers AS answer USING (stream_id, seq)
    WHERE (given.attempt_id, given.item, given.value) IS DISTINCT FROM (answer.attempt_id, answer.item, answer.value)
      AND coalesce(given.stream_id, answer.stream_id) NOT IN ({_PAST})
    ORDER BY stream_id, seq LIMIT :most
    """  # noqa: S608 - a constant
).bindparams(
    bindparam("types", [*answer_columns.TYPES, "answer_submitted"], ARRAY(Text)),
    bindparam("item_chars", ITEM_CHARS, BigInteger),
)
# What must be gone: also when an event arrived after the deletion.
_UNDELETED: Final = text(
    """
    SELECT attempt.id AS place FROM exam_attempts AS attempt
    WHERE events_deleted_at IS NOT NULL AND NOT has_events_left AND EXISTS (
        SELECT FROM event_streams AS stream JOIN monitoring_events AS event ON event.stream_id = stream.id
        WHERE stream.attempt_id = attempt.id)
    ORDER BY attempt.id LIMIT :most
    """
)
_COUNT_PAST: Final = text("SELECT count(*) FROM exam_attempts WHERE events_deleted_at IS NOT NULL")
_OUTSIDE_PARTITIONS: Final = text(
    "SELECT stream_id AS place, count(*) AS a FROM monitoring_events_default "
    "GROUP BY stream_id ORDER BY stream_id LIMIT :most"
)
_UNFOLDED: Final = text(
    """
    SELECT count(*) FROM exam_attempts AS attempt
    JOIN event_streams AS stream ON stream.attempt_id = attempt.id
    JOIN analysis_cursors AS cursor ON cursor.attempt_id = attempt.id
    CROSS JOIN LATERAL (SELECT max(seq) AS last FROM monitoring_events WHERE stream_id = stream.id) AS head
    WHERE attempt.exam_id = :exam_id
      AND coalesce(head.last, 0) > coalesce((cursor.positions ->> stream.id::text)::bigint, 0)
    """
)


@asynccontextmanager
async def read_snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a read-only snapshot of the database without time limits, because it reads whole tables."""
    unguarded = create_async_engine(engine.url, poolclass=NullPool)
    try:
        async with unguarded.connect() as conn:
            yield await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    finally:
        await unguarded.dispose()


async def measure_extent(conn: AsyncConnection) -> Extent:
    """Measure how much there is to check."""
    row = (await conn.execute(_EXTENT)).one()
    return Extent(row.streams, row.events, row.feeds, row.cursors)


async def find_sequence_errors(conn: AsyncConnection) -> list[Breach]:
    """Find streams whose rows do not cover 1 to the last number, each number once."""
    return [
        Breach(f"stream {row.place}", _describe(row.seq, row.first_seq, row.before))
        for row in await _find(conn, _SEQUENCE_ERRORS)
    ]


async def find_unkeyed_partitions(conn: AsyncConnection) -> list[Breach]:
    """Find partitions without the unique key that prevents duplicates."""
    return [
        Breach(f"table {row.place}", "has no unique (stream_id, seq)") for row in await _find(conn, _UNKEYED_PARTITIONS)
    ]


async def find_orphaned_events(conn: AsyncConnection) -> list[Breach]:
    """Find events whose stream does not exist."""
    return [
        Breach(f"stream {row.place}", f"{row.a} events, but no stream") for row in await _find(conn, _ORPHANED_EVENTS)
    ]


async def find_feed_gaps(conn: AsyncConnection) -> list[Breach]:
    """Find feeds that are not numbered without a gap from the first kept row to the head."""
    return [
        Breach(
            f"exam {row.place}",
            "rows without a head" if row.a < 0 else f"head {row.a}, but {row.b} rows from {row.c} to {row.d}",
        )
        for row in await _find(conn, _FEEDS)
    ]


async def find_cursor_errors(conn: AsyncConnection) -> list[Breach]:
    """Find cursors beyond the stored events, or in a stream of another attempt."""
    return [
        Breach(
            f"attempt {row.place}",
            f"folded up to {row.a} of stream {row.stream}, "
            + (f"which ends at {row.b}" if row.own else "which is not its own"),
        )
        for row in await _find(conn, _CURSORS)
    ]


async def find_malformed_markers(conn: AsyncConnection) -> list[Breach]:
    """Find markers, rows in place of events, whose content is incomplete."""
    return [
        Breach(f"stream {row.place}", f"{row.event_type} at {row.seq} is incomplete")
        for row in await _find(conn, _MALFORMED_MARKERS)
    ]


async def find_events_outside_partitions(conn: AsyncConnection) -> list[Breach]:
    """Find events outside the partitions of their day."""
    found = await _find(conn, _OUTSIDE_PARTITIONS)
    return [Breach(f"stream {row.place}", f"{row.a} events in the default partition") for row in found]


async def find_answer_errors(conn: AsyncConnection) -> list[Breach]:
    """Find answers without an event, events without an answer, and answers that differ from their event."""
    return [
        Breach(
            f"stream {row.place}",
            f"event {row.seq} has no stored answer"
            if row.has_no_answer
            else f"an answer is stored for {row.seq}, which is not an answer"
            if row.has_no_event
            else f"the stored answer differs from event {row.seq}",
        )
        for row in await _find(conn, _ANSWERS)
    ]


async def find_undeleted_events(conn: AsyncConnection) -> list[Breach]:
    """Find attempts whose events are deleted after their time, but are still stored."""
    return [Breach(f"attempt {row.place}", "has events past their time") for row in await _find(conn, _UNDELETED)]


async def count_past_retention(conn: AsyncConnection) -> int:
    """Count the attempts whose events are deleted after their time."""
    return int((await conn.execute(_COUNT_PAST)).scalar_one())


async def count_stored(conn: AsyncConnection, exam_id: UUID, *, without: UUID | None = None) -> int:
    """Count the stored numbers of an exam's client streams: events, tombstones, and each number of a lost span.

    `without` leaves out one student.
    """
    first_seq = MonitoringEvent.data_payload["from"].astext.cast(BigInteger)
    spans = func.sum(MonitoringEvent.seq - first_seq).filter(MonitoringEvent.event_type == "events_lost")
    found = await conn.execute(
        select(func.count() + func.coalesce(spans, 0))
        .select_from(MonitoringEvent)
        .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
        .join(ExamAttempt, ExamAttempt.id == EventStream.attempt_id)
        .where(
            ExamAttempt.exam_id == exam_id,
            EventStream.kind == "client",
            MonitoringEvent.event_type != "stream_closed",
            ExamAttempt.student_id.is_distinct_from(without),
        )
    )
    return int(found.scalar_one())


async def count_flags(conn: AsyncConnection, exam_id: UUID) -> int:
    """Count the flags of an exam."""
    found = await conn.execute(
        select(func.count())
        .select_from(Flag)
        .join(ExamAttempt, ExamAttempt.id == Flag.attempt_id)
        .where(ExamAttempt.exam_id == exam_id)
    )
    return int(found.scalar_one())


async def count_unfolded(conn: AsyncConnection, exam_id: UUID) -> int:
    """Count the streams of an exam that have events after their attempt's cursor."""
    found = await conn.execute(_UNFOLDED, {"exam_id": exam_id})
    return int(found.scalar_one())


def _describe(seq: int, first_seq: int | None, before: int) -> str:
    if first_seq is None or first_seq > seq:
        return f"the lost span that ends at {seq} has no valid first number"
    if first_seq <= before:
        return f"{first_seq} to {min(seq, before)} are stored twice"
    return f"{before + 1} to {first_seq - 1} are missing"


async def _find(conn: AsyncConnection, check: TextClause) -> list[Any]:
    return list(await conn.execute(check, {"most": SHOWN}))
