"""Stage 5 of 9, SQL: store batches of many streams at once, with their answers (docs/path-of-an-event.md).

Uses raw asyncpg, for COPY. `copy_events` is fast; `insert_missing_events` is slower and may be repeated. Each is one
transaction on the writer's pinned connection. Never leaves a hole in a stream.
"""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from db import answer_columns, copy_encoding
from db.errors import POISON_CLASSES
from db.segments import Segment, SplitSegments, split_segments
from protocol.codes import RejectCode
from protocol.events import Entry, tombstone
from protocol.limits import TIME_MAX_MS
from protocol.monitor import Rejected

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TABLE: Final = "monitoring_events"
_HEADS: Final = """
    SELECT stream.id, (SELECT max(seq) FROM monitoring_events WHERE stream_id = stream.id) AS head
    FROM unnest($1::uuid[]) AS stream (id)
"""
_INSERT: Final = """
    INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, event_type, severity, data_payload)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::jsonb[])
    ON CONFLICT (stream_id, seq) DO NOTHING
"""
_INSERT_REJECTED: Final = """
    INSERT INTO rejected_events (stream_id, seq, code, raw)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[])
    ON CONFLICT (stream_id, seq) DO NOTHING
"""
# Rule time is `time_base` + mono. It is limited to times that both PostgreSQL and the wire can represent.
_INSERT_ANSWERS: Final = f"""
    INSERT INTO attempt_answers (stream_id, seq, attempt_id, item, value, occurred_at)
    SELECT given.stream_id, given.seq, stream.attempt_id, given.item, given.value,
           to_timestamp(greatest(0, least({TIME_MAX_MS}, stream.time_base + given.mono)) / 1000.0)
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::jsonb[])
         AS given (stream_id, seq, mono, item, value)
    JOIN event_streams AS stream ON stream.id = given.stream_id
    ON CONFLICT (stream_id, seq) DO NOTHING
"""  # noqa: S608 - a constant
_BESIDE: Final = frozenset({"rejected", *answer_columns.TYPES})
"""Types of events that also write a row to another table."""

# The LIMIT makes this one index lookup per number, regardless of the planner's estimate.
_READ_ROWS: Final = """
    SELECT known.stream_id, known.seq, event.event_type, event.code
    FROM unnest($1::uuid[], $2::bigint[]) AS known (stream_id, seq)
    LEFT JOIN LATERAL (
        SELECT event_type, CASE event_type WHEN 'rejected' THEN data_payload ->> 'code' END AS code
        FROM monitoring_events WHERE stream_id = known.stream_id AND seq = known.seq LIMIT 1
    ) AS event ON true
"""
_ENDS: Final = ("events_lost", "stream_closed")
"""Rows with which a newer connection took a number from an older connection that still had a batch for it."""

_UNENCODABLE: Final = (struct.error, OverflowError, ValueError)
_Row = tuple[UUID, Entry]
_Found = dict[tuple[UUID, int], tuple[str | None, str | None]]
"""The row at a number: its type (None without a row), and the code of a tombstone."""


class InsertOutcome(msgspec.Struct, frozen=True):
    """The result for segments that were not stored by COPY.

    `refused` are numbers that became tombstones although the hub had accepted them. `known` was stored before. A stream
    in `returned` must not be acknowledged; the reason is `hole`, `overtaken` (a newer connection of its client closed
    it or declared events lost), or `unstorable` (PostgreSQL refuses even its tombstones).
    """

    refused: dict[UUID, tuple[Rejected, ...]] = {}
    known: tuple[Segment, ...] = ()
    returned: dict[UUID, str] = {}


class _HeadMoved(Exception):
    """Another process has stored numbers of one of these streams since its head was read."""


class _Unstorable(Exception):
    """Not even a tombstone of this stream can be stored."""

    def __init__(self, stream_id: UUID) -> None:
        self.stream_id = stream_id


def is_poison(error: BaseException) -> bool:
    """Return whether a row caused the failure, so that repeating it cannot help."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in POISON_CLASSES
    return isinstance(error, _UNENCODABLE)


async def read_heads(conn: asyncpg.Connection, stream_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Read the last stored number of each stream; 0 when it has none."""
    return {row["id"]: row["head"] or 0 for row in await conn.fetch(_HEADS, stream_ids)}


async def copy_events(conn: asyncpg.Connection, segments: Sequence[Segment]) -> None:
    """Store segments that follow the heads of their streams with COPY. They come in the order of stream and number.

    Raises asyncpg.UniqueViolationError when a number is already stored, and errors for which `is_poison` is true. In
    both cases nothing is stored.
    """
    # The driver accepts a buffer, but its stubs do not say so. It would treat plain bytes as a path.
    data: Any = memoryview(copy_encoding.encode(segments))
    beside = [(segment.stream_id, entry) for segment in segments for entry in segment.entries if entry.type in _BESIDE]
    if not beside:
        await conn.copy_to_table(_TABLE, columns=copy_encoding.COLUMNS, source=data, format="binary")
        return
    async with conn.transaction():
        await conn.copy_to_table(_TABLE, columns=copy_encoding.COLUMNS, source=data, format="binary")
        await _keep_beside(conn, beside)


async def insert_missing_events(conn: asyncpg.Connection, segments: Sequence[Segment]) -> InsertOutcome:
    """Store what is not stored yet. Safe to repeat when the result of a COMMIT is unknown.

    Segments come in the order of stream and number. A row that PostgreSQL refuses is found by halving, inside the one
    transaction, and stored as a tombstone. No part of a stream commits before an earlier part.
    """
    returned: dict[UUID, str] = {}
    async with conn.transaction(isolation="read_committed"):
        while True:
            open_segments = [segment for segment in segments if segment.stream_id not in returned]
            heads = await read_heads(conn, list({segment.stream_id for segment in open_segments}))
            split = split_segments(open_segments, heads)
            found = await _read_places(conn, split, heads)
            overtaken = _find_overtaken(split, found, heads)
            if overtaken:
                returned |= dict.fromkeys(overtaken, "overtaken")
                continue
            rows = [(segment.stream_id, entry) for segment in split.missing for entry in segment.entries]
            try:
                async with conn.transaction():
                    poisoned = await _insert_halving(conn, rows)
            except _HeadMoved:
                # The other process has committed: the next try reads the new heads.
                continue
            except _Unstorable as error:
                returned[error.stream_id] = "unstorable"
                continue
            break
        refused = {(stream_id, marker.seq) for stream_id, marker in poisoned}
        await _keep_beside(conn, [row for row in rows if (row[0], row[1].seq) not in refused] + poisoned)
    refused_places = _refused(poisoned, split.known, found)
    return InsertOutcome(refused_places, tuple(split.known), returned | dict.fromkeys(split.holes, "hole"))


async def _read_places(conn: asyncpg.Connection, split: SplitSegments, heads: Mapping[UUID, int]) -> _Found:
    """Read the rows at the known numbers, behind each segment of them, and at the heads of the streams."""
    positions = {
        (segment.stream_id, seq)
        for segment in split.known
        for seq in (*(entry.seq for entry in segment.entries), segment.entries[-1].seq + 1)
        if seq <= heads[segment.stream_id]
    }
    positions.update((segment.stream_id, heads[segment.stream_id]) for segment in split.missing)
    if not positions:
        return {}
    rows = await conn.fetch(_READ_ROWS, *zip(*positions, strict=True))
    return {(row["stream_id"], row["seq"]): (row["event_type"], row["code"]) for row in rows}


def _find_overtaken(split: SplitSegments, found: _Found, heads: Mapping[UUID, int]) -> set[UUID]:
    """Find streams in which a number is taken but not stored: it was declared lost, or the stream was closed before it.

    An ack would be wrong, and the session would continue at a number where no row prevents an overlap. Numbers after
    the head are known from an earlier segment of the same flush.
    """
    overtaken = set()
    for segment in split.missing:
        kind, _ = found[segment.stream_id, heads[segment.stream_id]]
        if kind == "stream_closed":
            overtaken.add(segment.stream_id)
    for segment in split.known:
        head = heads[segment.stream_id]
        end = segment.entries[-1].seq
        if end < head and found[segment.stream_id, end + 1][0] is None:
            overtaken.add(segment.stream_id)
        for entry in segment.entries:
            kind, _ = found[segment.stream_id, entry.seq] if entry.seq <= head else (entry.type, None)
            if kind is None or (kind in _ENDS and kind != entry.type):
                overtaken.add(segment.stream_id)
                break
    return overtaken


async def _insert_halving(conn: asyncpg.Connection, rows: Sequence[_Row]) -> list[_Row]:
    """Insert rows. Refused rows become tombstones, which are returned."""
    if not rows:
        return []
    try:
        async with conn.transaction():
            await _insert(conn, rows)
    except (asyncpg.PostgresError, *_UNENCODABLE) as error:
        if not is_poison(error):
            raise
    else:
        return []
    if len(rows) > 1:
        middle = len(rows) // 2
        return await _insert_halving(conn, rows[:middle]) + await _insert_halving(conn, rows[middle:])
    return [await _insert_tombstone(conn, *rows[0])]


async def _insert_tombstone(conn: asyncpg.Connection, stream_id: UUID, bad: Entry) -> _Row:
    raw = bad.raw or bad.payload.encode(errors="surrogatepass")
    marker = (stream_id, tombstone(bad.seq, bad.reject or RejectCode.BAD_SHAPE, raw))
    try:
        async with conn.transaction():
            await _insert(conn, [marker])
    except (asyncpg.PostgresError, *_UNENCODABLE) as error:
        if not is_poison(error):
            raise
        raise _Unstorable(stream_id) from error
    return marker


async def _insert(conn: asyncpg.Connection, rows: Sequence[_Row]) -> None:
    columns = zip(*(_values(stream_id, entry) for stream_id, entry in rows), strict=True)
    status = await conn.execute(_INSERT, *columns)
    if int(status.rpartition(" ")[2]) < len(rows):
        raise _HeadMoved


async def _keep_beside(conn: asyncpg.Connection, rows: Sequence[_Row]) -> None:
    """Store what belongs to these events in other tables: raw bytes of refused events, and revisions of answers."""
    rejected = [(stream_id, entry) for stream_id, entry in rows if entry.reject is not None]
    if rejected:
        columns = zip(
            *((stream_id, marker.seq, marker.reject, marker.raw) for stream_id, marker in rejected), strict=True
        )
        await conn.execute(_INSERT_REJECTED, *columns)
    answered = answer_columns.read_answers(rows)
    if answered[0]:
        await conn.execute(_INSERT_ANSWERS, *answered)


def _refused(poisoned: Sequence[_Row], known: Sequence[Segment], found: _Found) -> dict[UUID, tuple[Rejected, ...]]:
    """Return accepted numbers that are tombstones: refused now, or in an earlier try whose result was unknown."""
    codes = {(stream_id, marker.seq): marker.reject or RejectCode.BAD_SHAPE for stream_id, marker in poisoned}
    for segment in known:
        for entry in segment.entries:
            _, code = found.get((segment.stream_id, entry.seq), (None, None))
            if code is not None and entry.reject is None:
                codes[segment.stream_id, entry.seq] = RejectCode(code)
    refused: dict[UUID, tuple[Rejected, ...]] = {}
    for (stream_id, seq), reject in sorted(codes.items()):
        refused[stream_id] = (*refused.get(stream_id, ()), Rejected(seq, reject))
    return refused


def _values(stream_id: UUID, entry: Entry) -> tuple[UUID, int, int, datetime, str, str | None, str]:
    at = _EPOCH + timedelta(milliseconds=entry.at)
    return (stream_id, entry.seq, entry.mono, at, entry.type, entry.severity, entry.payload)
