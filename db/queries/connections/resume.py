"""Resume a client's queue: in the stream that it named, or in a new one.

Writes markers into client streams: `events_lost` for acknowledged events that are missing, `stream_closed` at the end
of a stream. Never writes or changes a client's events.

The caller has locked the attempt's row, so hellos of one attempt follow each other. A batch of an older connection may
still be on its way in another hub. It begins with the number after the last one that its session saw stored, and that
is the number written here first. The unique key lets only one of them pass, and the other finds out
(docs/decisions/0011-how-a-client-queue-resumes.md).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import from_ms, to_ms
from db.errors import BadRequest, ForeignStream
from db.models import EventStream, MonitoringEvent
from db.partitions import created_ms
from protocol.events import MARKER_EVENTS, SERVER_LOST, UNPROVEN_ACK
from protocol.limits import LOST_NUMBERS, STREAM_MS
from protocol.monitor import Hello, Mark, Previous

EARLY_MS: Final = 60_000
"""Clocks differ: a client that received `rotate` must not get the same stream again."""

WRITTEN_MS: Final = 2 * STREAM_MS
"""An older stream gets no more rows: no batch for it can be on its way, and its partition may be gone."""

LOST: Final = "events_lost"
CLOSED: Final = "stream_closed"
TOMBSTONE: Final = "rejected"

"""Why acknowledged events are missing: the server lost them, or only the client says that they were acknowledged."""

HasProof = Callable[[UUID], bool]
"""Returns whether the hello proves that its `acked` was acknowledged in this stream."""


def stream_ages_ms() -> tuple[int, int]:
    """Return how old a stream may be, and how much before that it is not continued any more."""
    return STREAM_MS, EARLY_MS


# Built once: building these statements took half the time of a hello.
_NAMED: Final = select(EventStream.id, EventStream.boot, EventStream.attempt_id).where(
    EventStream.id == bindparam("stream")
)
_NEWEST: Final = (
    select(EventStream.id)
    .where(EventStream.attempt_id == bindparam("attempt"), EventStream.boot == bindparam("queue"))
    .order_by(EventStream.id.desc())
    .limit(1)
)
_HEAD: Final = (
    select(MonitoringEvent.seq, MonitoringEvent.event_type, MonitoringEvent.mono)
    .where(MonitoringEvent.stream_id == bindparam("stream"))
    .order_by(MonitoringEvent.seq.desc())
    .limit(1)
)
_MARKED: Final = select(
    MonitoringEvent.seq, MonitoringEvent.event_type, MonitoringEvent.client_timestamp, MonitoringEvent.mono
).where(
    MonitoringEvent.stream_id == bindparam("stream"),
    MonitoringEvent.seq == any_(bindparam("seqs", type_=ARRAY(BigInteger))),
)
_LAST: Final = (
    select(MonitoringEvent.seq, MonitoringEvent.client_timestamp, MonitoringEvent.mono)
    .where(
        MonitoringEvent.stream_id == bindparam("stream"),
        MonitoringEvent.seq > bindparam("acked"),
        MonitoringEvent.seq <= bindparam("committed"),
        MonitoringEvent.event_type.not_in(list(MARKER_EVENTS)),
    )
    .order_by(MonitoringEvent.seq.desc())
    .limit(1)
)


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """The stream to continue, its last stored number, and the stream that it replaces.

    `last` is the newest event of the stream that the hello continues, or of the replaced one, that is stored without
    the client's knowledge. `server_lost` counts the acknowledged numbers that the server lost. `is_new_queue`: the
    attempt had no stream of this boot.
    """

    stream_id: UUID
    committed: int
    previous: Previous | None = None
    server_lost: int = 0
    last: Mark | None = None
    is_new_queue: bool = False


class _Stream(msgspec.Struct, frozen=True):
    """A stream that a hello refers to: its queue, and its last row."""

    id: UUID
    boot: UUID
    seq: int
    type: str | None
    mono: int

    @property
    def committed(self) -> int:
        """The last stored number of the client; the row that closes a stream does not count."""
        return self.seq - 1 if self.type == CLOSED else self.seq


async def resume(conn: AsyncConnection, hello: Hello, server_ms: int, *, has_proof: HasProof) -> Resumption:
    """Find or open the stream that a hello continues.

    A named stream that is not stored was lost by the server, with the row that recorded it, if its id can be from
    today: it is opened again under its id. Raises ForeignStream when the stream belongs to another attempt, BadRequest
    when more events were acknowledged than can have been lost.
    """
    stream = await _named(conn, hello) if hello.stream is not None else await _newest(conn, hello)
    is_new_queue = stream is None
    if stream is None:
        stream_id = uuid7() if hello.stream is None else _check_recent(hello.stream, server_ms)
        stream = await _open(conn, hello, stream_id, server_ms)
    age_ms = server_ms - created_ms(stream.id)
    if stream.boot != hello.boot or stream.type == CLOSED or age_ms >= STREAM_MS - EARLY_MS:
        return await _move(conn, hello, stream, server_ms, has_proof, is_written=age_ms < WRITTEN_MS)
    if await _is_set_back(conn, hello, stream, stream.committed):
        # Its events after `acked` differ from the stored events with the same numbers: both are kept.
        opened = await _open(conn, hello, uuid7(), server_ms)
        return Resumption(stream_id=opened.id, committed=0, previous=Previous(stream.id, hello.acked))
    resumed = await _fill(conn, stream, hello.acked, server_ms, has_proof)
    last = await _last_event(conn, stream.id, hello.acked, resumed.committed)
    return msgspec.structs.replace(resumed, last=last, is_new_queue=is_new_queue)


async def _is_set_back(conn: AsyncConnection, hello: Hello, stream: _Stream, committed: int) -> bool:
    """Return whether the queue went back in time: it has other events than are stored under the same numbers.

    A refused event leaves only its number, which proves nothing. The number `acked` itself may be one that was lost.
    """
    if hello.next_seq <= committed:
        return True
    marks = [mark for mark in hello.pending if mark.seq <= committed]
    if not marks:
        return False
    found = await conn.execute(_MARKED, {"stream": stream.id, "seqs": [mark.seq for mark in marks]})
    stored = {row.seq: row for row in found}
    for mark in marks:
        row = stored.get(mark.seq)
        if row is None or row.event_type in MARKER_EVENTS:
            if mark.seq > hello.acked and (row is None or row.event_type != TOMBSTONE):
                return True
        elif (to_ms(row.client_timestamp), row.mono) != (mark.at, mark.mono):
            return True
    return False


async def _last_event(conn: AsyncConnection, stream_id: UUID, acked: int, committed: int) -> Mark | None:
    """Return the mark of the newest event that the client holds although it is stored."""
    if committed <= acked:
        return None
    row = (await conn.execute(_LAST, {"stream": stream_id, "acked": acked, "committed": committed})).one_or_none()
    return None if row is None else Mark(row.seq, to_ms(row.client_timestamp), row.mono)


async def _move(
    conn: AsyncConnection, hello: Hello, stream: _Stream, server_ms: int, has_proof: HasProof, *, is_written: bool
) -> Resumption:
    """Open a new stream, and close the old one for batches that are still on their way."""
    opened = await _open(conn, hello, uuid7(), server_ms)
    server_lost = 0
    committed = stream.committed
    if is_written and stream.type != CLOSED:
        server_lost = (await _fill(conn, stream, hello.acked, server_ms, has_proof)).server_lost
        committed = await _close(conn, stream, opened.id, server_ms)
    acknowledged = hello.acked if await _is_set_back(conn, hello, stream, committed) else committed
    return Resumption(
        stream_id=opened.id,
        committed=0,
        previous=Previous(stream.id, acknowledged),
        server_lost=server_lost,
        last=await _last_event(conn, stream.id, hello.acked, acknowledged),
    )


async def _fill(conn: AsyncConnection, stream: _Stream, acked: int, server_ms: int, has_proof: HasProof) -> Resumption:
    """Record acknowledged events that are missing as lost.

    A number is acknowledged after its COMMIT, and this transaction began after that. With a proof that it was, the
    server has lost it; without one, the client says so. The first missing number gets its own row, as in every lost
    span.
    """
    committed = stream.committed
    if acked - committed > LOST_NUMBERS:
        raise BadRequest(f"The client claims that event {acked} was acknowledged, but only {committed} are stored.")
    is_proven = committed < acked and has_proof(stream.id)
    reason = SERVER_LOST if is_proven else UNPROVEN_ACK
    while committed < acked:
        first = _place(stream, committed + 1, LOST, {"from": committed + 1, "reason": reason}, server_ms)
        if not await _write(conn, first):
            committed = await _last(conn, stream.id)
            continue
        if acked > committed + 1:
            rest = _place(stream, acked, LOST, {"from": committed + 2, "reason": reason}, server_ms)
            await conn.execute(insert(MonitoringEvent).values(rest))
        server_lost = acked - committed if is_proven else 0
        return Resumption(stream_id=stream.id, committed=acked, server_lost=server_lost)
    return Resumption(stream_id=stream.id, committed=committed)


async def _close(conn: AsyncConnection, stream: _Stream, following: UUID, server_ms: int) -> int:
    """Close a stream after its last number, and return that number: batches that are still on their way are refused."""
    while True:
        committed = await _last(conn, stream.id)
        if await _write(conn, _place(stream, committed + 1, CLOSED, {"next": str(following)}, server_ms)):
            return committed


async def _write(conn: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its number is taken. Waits for a transaction that is about to take it."""
    written = await conn.execute(
        postgresql.insert(MonitoringEvent).values(row).on_conflict_do_nothing().returning(MonitoringEvent.seq)
    )
    return written.one_or_none() is not None


def _place(stream: _Stream, seq: int, kind: str, data: dict[str, Any], server_ms: int) -> dict[str, Any]:
    """Return a server's row for a client stream. It copies `mono` from its neighbor: rule time must not jump."""
    now: datetime = from_ms(server_ms)
    return {
        "stream_id": stream.id,
        "seq": seq,
        "mono": stream.mono,
        "client_timestamp": now,
        "event_type": kind,
        "data_payload": data,
    }


async def _named(conn: AsyncConnection, hello: Hello) -> _Stream | None:
    found = await conn.execute(_NAMED, {"stream": hello.stream})
    row = found.one_or_none()
    if row is None:
        return None
    if row.attempt_id != hello.attempt_id or row.boot is None:
        raise ForeignStream(f"Stream {hello.stream} belongs to another attempt.")
    return await _with_head(conn, row.id, row.boot)


async def _newest(conn: AsyncConnection, hello: Hello) -> _Stream | None:
    """Find the newest stream of the queue: a client that names no stream means this one."""
    found = await conn.execute(_NEWEST, {"attempt": hello.attempt_id, "queue": hello.boot})
    stream_id: UUID | None = found.scalar_one_or_none()
    return None if stream_id is None else await _with_head(conn, stream_id, hello.boot)


async def _with_head(conn: AsyncConnection, stream_id: UUID, boot: UUID) -> _Stream:
    found = await conn.execute(_HEAD, {"stream": stream_id})
    row = found.one_or_none()
    return _Stream(stream_id, boot, 0, None, 0) if row is None else _Stream(stream_id, boot, *row)


async def _last(conn: AsyncConnection, stream_id: UUID) -> int:
    found = await conn.execute(_HEAD, {"stream": stream_id})
    return found.scalar_one_or_none() or 0


async def _open(conn: AsyncConnection, hello: Hello, stream_id: UUID, server_ms: int) -> _Stream:
    opened = {
        "id": stream_id,
        "attempt_id": hello.attempt_id,
        "kind": "client",
        "boot": hello.boot,
        "time_base": server_ms - hello.mono,
    }
    await conn.execute(insert(EventStream), opened)
    return _Stream(stream_id, hello.boot, 0, None, hello.mono)


def _check_recent(stream_id: UUID, server_ms: int) -> UUID:
    """Return an id that a server may have given to a stream within the last day. Raises ForeignStream for others."""
    age_ms = server_ms - created_ms(stream_id)
    if stream_id.version != 7 or not -EARLY_MS < age_ms < STREAM_MS - EARLY_MS:
        raise ForeignStream(f"No server assigned stream {stream_id}.")
    return stream_id
