"""Stage 5 of 9, its SQL: storing batches of many streams at once (docs/path-of-an-event.md).

The one place that speaks raw asyncpg: COPY is the fastest way in, `insert_missing` the way that may be repeated.
Each function is one transaction of its own on the writer's pinned connection.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from db.errors import POISON_CLASSES
from protocol.codes import RejectCode
from protocol.events import Entry, tombstone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ("stream_id", "seq", "mono", "client_timestamp", "event_type", "severity", "data_payload")
_INSERT = """
    INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, event_type, severity, data_payload)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::jsonb[])
    ON CONFLICT (stream_id, seq) DO NOTHING
"""
_INSERT_REJECTED = """
    INSERT INTO rejected_events (stream_id, seq, code, raw)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[])
    ON CONFLICT (stream_id, seq) DO NOTHING
"""
_Row = tuple[UUID, int, int, datetime, str, str | None, str]


class Place(msgspec.Struct, frozen=True, gc=False):
    """One entry and the stream it belongs to."""

    stream_id: UUID
    entry: Entry


def is_poison(error: BaseException) -> bool:
    """Whether PostgreSQL blames a row for the failure, so that repeating it cannot help."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in POISON_CLASSES


async def copy(conn: asyncpg.Connection, places: Sequence[Place]) -> None:
    """Store new places by COPY, sorted by `(stream_id, seq)`.

    Raises asyncpg.UniqueViolationError when one is already there: nothing is stored then.
    """
    rejected = [place for place in places if place.entry.reject is not None]
    if not rejected:
        await conn.copy_records_to_table("monitoring_events", columns=_COLUMNS, records=map(_row, places))
        return
    async with conn.transaction():
        await conn.copy_records_to_table("monitoring_events", columns=_COLUMNS, records=map(_row, places))
        await _keep_rejected(conn, rejected)


async def insert_missing(conn: asyncpg.Connection, places: Sequence[Place]) -> list[Place]:
    """Store the places that are not there yet; safe to repeat, verbatim, after a COMMIT nobody heard the end of.

    A place PostgreSQL refuses is found by halving, inside the one transaction, and stored as a tombstone: no part of
    a stream commits before an earlier one. Returns those tombstones.
    """
    async with conn.transaction():
        poisoned = await _insert_halving(conn, places)
        await _keep_rejected(conn, [place for place in places if place.entry.reject is not None] + poisoned)
    return poisoned


async def _insert_halving(conn: asyncpg.Connection, places: Sequence[Place]) -> list[Place]:
    try:
        async with conn.transaction():
            await conn.execute(_INSERT, *zip(*map(_row, places), strict=True))
    except asyncpg.PostgresError as error:
        if not is_poison(error):
            raise
        if len(places) > 1:
            middle = len(places) // 2
            return await _insert_halving(conn, places[:middle]) + await _insert_halving(conn, places[middle:])
        bad = places[0]
        stone = Place(bad.stream_id, tombstone(bad.entry.seq, RejectCode.BAD_SHAPE, bad.entry.payload.encode()))
        await conn.execute(_INSERT, *zip(_row(stone), strict=True))
        return [stone]
    return []


async def _keep_rejected(conn: asyncpg.Connection, rejected: Sequence[Place]) -> None:
    if rejected:
        columns = zip(*((p.stream_id, p.entry.seq, p.entry.reject, p.entry.raw) for p in rejected), strict=True)
        await conn.execute(_INSERT_REJECTED, *columns)


def _row(place: Place) -> _Row:
    entry = place.entry
    moment = _EPOCH + timedelta(milliseconds=entry.at)
    return (place.stream_id, entry.seq, entry.mono, moment, entry.type, entry.severity, entry.payload)
