"""Facts of servers: appended to an attempt's system stream by whichever process has something to state.

An attempt's newest system stream is appended to, under its row's lock; a day old, it is followed by a new one. No fact
is ever changed, and none is written to a client's stream here.
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
    """One statement of a server about an attempt."""

    type: str
    data: dict[str, Any] = {}


class AppendedEvents(msgspec.Struct, frozen=True):
    """Where facts were appended: up to the number `last` of this stream, at this moment of PostgreSQL's clock."""

    stream_id: UUID
    last: int
    now: datetime


class _Tail(msgspec.Struct, frozen=True):
    """The end of an attempt's newest system stream, at a moment of PostgreSQL's clock."""

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
# The lock may have been waited for: the fact happened now, not when the transaction began.
_LOOK: Final = select(
    _newest.c.attempt_id,
    _newest.c.id,
    func.coalesce(_last.c.seq, 0).label("last"),
    func.clock_timestamp().label("now"),
).select_from(_newest.join(_last, true()))


async def open_stream(conn: AsyncConnection, attempt_id: UUID) -> UUID:
    """Give an attempt a system stream; rule time there is server time, so its base is 0."""
    stream_id = uuid7()
    await conn.execute(insert(EventStream).values(id=stream_id, attempt_id=attempt_id, kind="system", time_base=0))
    return stream_id


async def append_events(conn: AsyncConnection, attempt_id: UUID, facts: Sequence[ServerEvent]) -> AppendedEvents:
    """Append facts in order and tell where they stand; the stream's row stays locked until COMMIT."""
    return (await append_to_each(conn, {attempt_id: facts}))[attempt_id]


async def append_to_each(
    conn: AsyncConnection, facts: Mapping[UUID, Sequence[ServerEvent]]
) -> dict[UUID, AppendedEvents]:
    """Append facts to several attempts, each one's in order; tell where they stand.

    Three statements, however many attempts; their streams are locked in the order of the attempts' ids.
    Raises NotFound for an attempt that has no system stream.
    """
    if not facts:
        return {}
    tails = await _lock_tails(conn, facts)
    rows = []
    appended = {}
    for attempt_id, stated in facts.items():
        tail = await _rotated(conn, attempt_id, tails[attempt_id])
        rows += [_row(tail, seq, fact) for seq, fact in enumerate(stated, tail.last + 1)]
        appended[attempt_id] = AppendedEvents(tail.stream_id, tail.last + len(stated), tail.now)
    if rows:
        await conn.execute(insert(MonitoringEvent), rows)
    return appended


async def _lock_tails(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, _Tail]:
    """Lock each attempt's newest system stream; look again until that is what was locked."""
    attempts = {"attempts": list(attempt_ids)}
    while True:
        locked = set((await conn.execute(_LOCK, attempts)).scalars())
        tails = {row.attempt_id: _Tail(row.id, row.last, row.now) for row in await conn.execute(_LOOK, attempts)}
        if len(tails) < len(attempt_ids):
            raise NotFound("The attempt has no system stream.")
        if locked.issuperset(tail.stream_id for tail in tails.values()):
            return tails


async def _rotated(conn: AsyncConnection, attempt_id: UUID, tail: _Tail) -> _Tail:
    """Go on in a new stream when this one is a day old. Whoever waits for the old one's lock then sees the new one."""
    if to_ms(tail.now) - created_ms(tail.stream_id) < STREAM_MS:
        return tail
    return _Tail(await open_stream(conn, attempt_id), 0, tail.now)


def _row(tail: _Tail, seq: int, fact: ServerEvent) -> dict[str, Any]:
    return {
        "stream_id": tail.stream_id,
        "seq": seq,
        "mono": to_ms(tail.now),
        "client_timestamp": tail.now,
        "server_timestamp": tail.now,
        "event_type": fact.type,
        "data_payload": fact.data,
    }
