"""Stage 5 of 9, its SQL: storing batches of many streams at once, answers with them (docs/path-of-an-event.md).

The one place that speaks raw asyncpg: COPY is the fastest way in, `insert_missing` the way that may be repeated.
Each of the two is one transaction of its own on the writer's pinned connection; neither ever leaves a hole.
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
# Rule time is the stream's base + mono; no clock of a client's leads out of the years both ends can hold.
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
"""Types of events of which something is kept beside them."""

# The LIMIT keeps this a look-up per number, however large the table and however wrong the planner's guess.
_LOOK_UP: Final = """
    SELECT known.stream_id, known.seq, event.event_type, event.code
    FROM unnest($1::uuid[], $2::bigint[]) AS known (stream_id, seq)
    LEFT JOIN LATERAL (
        SELECT event_type, CASE event_type WHEN 'rejected' THEN data_payload ->> 'code' END AS code
        FROM monitoring_events WHERE stream_id = known.stream_id AND seq = known.seq LIMIT 1
    ) AS event ON true
"""
_ENDS: Final = ("events_lost", "stream_closed")
"""Rows by which a newer connection took a number away from whoever still had a batch of it under way."""

_UNENCODABLE: Final = (struct.error, OverflowError, ValueError)
_Row = tuple[UUID, Entry]
_Found = dict[tuple[UUID, int], tuple[str | None, str | None]]
"""What stands at a number: the type of its row, None without one, and the code of a tombstone."""


class InsertOutcome(msgspec.Struct, frozen=True):
    """What became of stretches that did not go the fast way.

    `refused` are numbers that stand as tombstones though the edge had taken them; `known` is what was stored before;
    a stream in `returned` is not to be acknowledged, for the reason given: `hole`, `overtaken` by what a newer
    connection of its client did, or `unstorable` when PostgreSQL refuses even its tombstones.
    """

    refused: dict[UUID, tuple[Rejected, ...]] = {}
    known: tuple[Segment, ...] = ()
    returned: dict[UUID, str] = {}


class _HeadMoved(Exception):
    """Somebody else has stored numbers of one of these streams since its head was read."""


class _Unstorable(Exception):
    """Not even a tombstone of this stream can be stored."""

    def __init__(self, stream_id: UUID) -> None:
        self.stream_id = stream_id


def is_poison(error: BaseException) -> bool:
    """Whether a row is to blame for the failure, so that repeating it cannot help."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in POISON_CLASSES
    return isinstance(error, _UNENCODABLE)


async def read_heads(conn: asyncpg.Connection, stream_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last stored number of each stream, 0 where there is none."""
    return {row["id"]: row["head"] or 0 for row in await conn.fetch(_HEADS, stream_ids)}


async def copy_events(conn: asyncpg.Connection, stretches: Sequence[Segment]) -> None:
    """Store stretches that follow their streams' heads by COPY; they come in the order of stream and number.

    Raises asyncpg.UniqueViolationError when a number is already there, and what `is_poison` knows: nothing is stored
    then.
    """
    # The driver takes a buffer and says so in its manual, but its stubs do not; plain bytes it would take for a path.
    data: Any = memoryview(copy_encoding.encode(stretches))
    beside = [(stretch.stream_id, entry) for stretch in stretches for entry in stretch.entries if entry.type in _BESIDE]
    if not beside:
        await conn.copy_to_table(_TABLE, columns=copy_encoding.COLUMNS, source=data, format="binary")
        return
    async with conn.transaction():
        await conn.copy_to_table(_TABLE, columns=copy_encoding.COLUMNS, source=data, format="binary")
        await _keep_beside(conn, beside)


async def insert_missing_events(conn: asyncpg.Connection, stretches: Sequence[Segment]) -> InsertOutcome:
    """Store what is not there yet; safe to repeat, verbatim, after a COMMIT nobody heard the end of.

    Stretches come in the order of stream and number. A place PostgreSQL refuses is found by halving, inside the one
    transaction, and stored as a tombstone: no part of a stream commits before an earlier one.
    """
    returned: dict[UUID, str] = {}
    async with conn.transaction(isolation="read_committed"):
        while True:
            asked = [stretch for stretch in stretches if stretch.stream_id not in returned]
            heads = await read_heads(conn, list({stretch.stream_id for stretch in asked}))
            parted = split_segments(asked, heads)
            found = await _look_up(conn, parted, heads)
            overtaken = _find_overtaken(parted, found, heads)
            if overtaken:
                returned |= dict.fromkeys(overtaken, "overtaken")
                continue
            rows = [(stretch.stream_id, entry) for stretch in parted.missing for entry in stretch.entries]
            try:
                async with conn.transaction():
                    poisoned = await _insert_halving(conn, rows)
            except _HeadMoved:
                # Whoever stored them has committed: the next look sees where the stream stands now.
                continue
            except _Unstorable as error:
                returned[error.stream_id] = "unstorable"
                continue
            break
        refused = {(stream_id, stone.seq) for stream_id, stone in poisoned}
        await _keep_beside(conn, [row for row in rows if (row[0], row[1].seq) not in refused] + poisoned)
    told = _refused(poisoned, parted.known, found)
    return InsertOutcome(told, tuple(parted.known), returned | dict.fromkeys(parted.holes, "hole"))


async def _look_up(conn: asyncpg.Connection, parted: SplitSegments, heads: Mapping[UUID, int]) -> _Found:
    """What stands at the known numbers and behind each stretch of them, as far as streams reach, and at their heads."""
    places = {
        (stretch.stream_id, seq)
        for stretch in parted.known
        for seq in (*(entry.seq for entry in stretch.entries), stretch.entries[-1].seq + 1)
        if seq <= heads[stretch.stream_id]
    }
    places.update((stretch.stream_id, heads[stretch.stream_id]) for stretch in parted.missing)
    if not places:
        return {}
    rows = await conn.fetch(_LOOK_UP, *zip(*places, strict=True))
    return {(row["stream_id"], row["seq"]): (row["event_type"], row["code"]) for row in rows}


def _find_overtaken(parted: SplitSegments, found: _Found, heads: Mapping[UUID, int]) -> set[UUID]:
    """Streams of which a number is taken and yet not stored: it was called lost, or the stream was closed before it.

    To acknowledge it would be untrue, and its session would count on from where no row keeps it from overlapping.
    Numbers after the head are known from an earlier stretch of the same flush.
    """
    overtaken = set()
    for stretch in parted.missing:
        kind, _ = found[stretch.stream_id, heads[stretch.stream_id]]
        if kind == "stream_closed":
            overtaken.add(stretch.stream_id)
    for stretch in parted.known:
        head = heads[stretch.stream_id]
        end = stretch.entries[-1].seq
        if end < head and found[stretch.stream_id, end + 1][0] is None:
            overtaken.add(stretch.stream_id)
        for entry in stretch.entries:
            kind, _ = found[stretch.stream_id, entry.seq] if entry.seq <= head else (entry.type, None)
            if kind is None or (kind in _ENDS and kind != entry.type):
                overtaken.add(stretch.stream_id)
                break
    return overtaken


async def _insert_halving(conn: asyncpg.Connection, rows: Sequence[_Row]) -> list[_Row]:
    """Insert rows that are not there; the poisoned ones as tombstones, which are returned."""
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
    stone = (stream_id, tombstone(bad.seq, bad.reject or RejectCode.BAD_SHAPE, raw))
    try:
        async with conn.transaction():
            await _insert(conn, [stone])
    except (asyncpg.PostgresError, *_UNENCODABLE) as error:
        if not is_poison(error):
            raise
        raise _Unstorable(stream_id) from error
    return stone


async def _insert(conn: asyncpg.Connection, rows: Sequence[_Row]) -> None:
    columns = zip(*(_values(stream_id, entry) for stream_id, entry in rows), strict=True)
    status = await conn.execute(_INSERT, *columns)
    if int(status.rpartition(" ")[2]) < len(rows):
        raise _HeadMoved


async def _keep_beside(conn: asyncpg.Connection, rows: Sequence[_Row]) -> None:
    """Keep what these events leave beside themselves: the bytes of refused ones, and revisions of answers."""
    rejected = [(stream_id, entry) for stream_id, entry in rows if entry.reject is not None]
    if rejected:
        columns = zip(*((stream_id, stone.seq, stone.reject, stone.raw) for stream_id, stone in rejected), strict=True)
        await conn.execute(_INSERT_REJECTED, *columns)
    answered = answer_columns.read_answers(rows)
    if answered[0]:
        await conn.execute(_INSERT_ANSWERS, *answered)


def _refused(poisoned: Sequence[_Row], known: Sequence[Segment], found: _Found) -> dict[UUID, tuple[Rejected, ...]]:
    """Numbers the edge took that stand as tombstones: found to be poison now, or by the try whose end was not heard."""
    codes = {(stream_id, stone.seq): stone.reject or RejectCode.BAD_SHAPE for stream_id, stone in poisoned}
    for stretch in known:
        for entry in stretch.entries:
            _, code = found.get((stretch.stream_id, entry.seq), (None, None))
            if code is not None and entry.reject is None:
                codes[stretch.stream_id, entry.seq] = RejectCode(code)
    refused: dict[UUID, tuple[Rejected, ...]] = {}
    for (stream_id, seq), reject in sorted(codes.items()):
        refused[stream_id] = (*refused.get(stream_id, ()), Rejected(seq, reject))
    return refused


def _values(stream_id: UUID, entry: Entry) -> tuple[UUID, int, int, datetime, str, str | None, str]:
    at = _EPOCH + timedelta(milliseconds=entry.at)
    return (stream_id, entry.seq, entry.mono, at, entry.type, entry.severity, entry.payload)
