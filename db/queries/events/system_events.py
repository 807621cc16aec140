"""Events of servers, appended to the system stream of an attempt.

Appends to the newest system stream under the lock of its row. A stream that is a day old is followed by a new one.
Never changes an event, and never writes to a client's stream.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, insert, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import NotFound
from db.models import EventStream, MonitoringEvent
from db.partitions import created_ms
from protocol.limits import STREAM_MS


class ServerEvent(msgspec.Struct, frozen=True):
    """One event that a server records about an attempt."""

    type: str
    data: dict[str, Any] = {}


class AppendedEvents(msgspec.Struct, frozen=True):
    """The result of an append: events up to number `last` of this stream, at a time of PostgreSQL's clock."""

    stream_id: UUID
    last: int
    now: datetime


class _Tail(msgspec.Struct, frozen=True):
    """The end of the newest system stream of an attempt, at a time of PostgreSQL's clock."""

    stream_id: UUID
    last: int
    now: datetime


_newest: Final = (
    select(EventStream.attempt_id, EventStream.id)
    .where(EventStream.kind == "system", EventStream.attempt_id == any_(bindparam("attempts", type_=ARRAY(Uuid))))
    .ext(distinct_on(EventStream.attempt_id))
    .order_by(EventStream.attempt_id, EventStream.id.desc())
    .subquery("newest")
)
_LOCK: Final = (
    select(EventStream.id)
    .where(EventStream.id.in_(select(_newest.c.id)))
    .order_by(EventStream.attempt_id)
    .with_for_update(key_share=True)
)
_last: Final = (
    select(func.max(MonitoringEvent.seq).label("seq")).where(MonitoringEvent.stream_id == _newest.c.id).lateral("last")
)
# Waiting for the lock may take time: the event happened now, not when the transaction began.
_READ_TAILS: Final = select(
    _newest.c.attempt_id,
    _newest.c.id,
    func.coalesce(_last.c.seq, 0).label("last"),
    func.clock_timestamp().label("now"),
).select_from(_newest.join(_last, true()))


async def open_stream(conn: AsyncConnection, attempt_id: UUID) -> UUID:
    """Open a system stream for an attempt. Its rule time is server time, so its base is 0."""
    stream_id = uuid7()
    await conn.execute(insert(EventStream).values(id=stream_id, attempt_id=attempt_id, kind="system", time_base=0))
    return stream_id


async def open_streams(conn: AsyncConnection, events: Mapping[UUID, Sequence[ServerEvent]], now: datetime) -> None:
    """Open the system streams of new attempts with their first events, which happened at `now`."""
    tails = {attempt_id: _Tail(uuid7(), 0, now) for attempt_id in events}
    await conn.execute(
        insert(EventStream),
        [
            {"id": tail.stream_id, "attempt_id": attempt_id, "kind": "system", "time_base": 0}
            for attempt_id, tail in tails.items()
        ],
    )
    rows = [
        _row(tails[attempt_id], seq, event) for attempt_id in events for seq, event in enumerate(events[attempt_id], 1)
    ]
    await conn.execute(insert(MonitoringEvent), rows)


async def append_events(conn: AsyncConnection, attempt_id: UUID, events: Sequence[ServerEvent]) -> AppendedEvents:
    """Append events in order, and return where they are stored. The stream's row stays locked until COMMIT."""
    return (await append_to_each(conn, {attempt_id: events}))[attempt_id]


async def append_to_each(
    conn: AsyncConnection, events: Mapping[UUID, Sequence[ServerEvent]]
) -> dict[UUID, AppendedEvents]:
    """Append events to several attempts, in order for each attempt, and return where they are stored.

    Executes three statements for any number of attempts. Locks the streams in the order of the attempt ids. Raises
    NotFound for an attempt without a system stream.
    """
    if not events:
        return {}
    tails = await _lock_tails(conn, events)
    rows = []
    appended = {}
    for attempt_id, stated in events.items():
        tail = await _rotated(conn, attempt_id, tails[attempt_id])
        rows += [_row(tail, seq, event) for seq, event in enumerate(stated, tail.last + 1)]
        appended[attempt_id] = AppendedEvents(tail.stream_id, tail.last + len(stated), tail.now)
    if rows:
        await conn.execute(insert(MonitoringEvent), rows)
    return appended


async def _lock_tails(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, _Tail]:
    """Lock the newest system stream of each attempt; repeat until the newest one is the locked one."""
    attempts = {"attempts": list(attempt_ids)}
    while True:
        locked = set((await conn.execute(_LOCK, attempts)).scalars())
        tails = {row.attempt_id: _Tail(row.id, row.last, row.now) for row in await conn.execute(_READ_TAILS, attempts)}
        if len(tails) < len(attempt_ids):
            raise NotFound("The attempt has no system stream.")
        if locked.issuperset(tail.stream_id for tail in tails.values()):
            return tails


async def _rotated(conn: AsyncConnection, attempt_id: UUID, tail: _Tail) -> _Tail:
    """Open a new stream when this one is a day old. Processes that wait for the old lock then find the new stream."""
    if to_ms(tail.now) - created_ms(tail.stream_id) < STREAM_MS:
        return tail
    return _Tail(await open_stream(conn, attempt_id), 0, tail.now)


def _row(tail: _Tail, seq: int, event: ServerEvent) -> dict[str, Any]:
    return {
        "stream_id": tail.stream_id,
        "seq": seq,
        "mono": to_ms(tail.now),
        "client_timestamp": tail.now,
        "server_timestamp": tail.now,
        "event_type": event.type,
        "data_payload": event.data,
    }
