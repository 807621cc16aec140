"""Connections over HTTP: a candidate's events arrive by request instead of by socket.

Such a connection is opened like a socket's (`connections.py`) and stays open while requests arrive; each request is
recorded here. A client that has only the upload token of an attempt has no connection and closes none. Never stores
events.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import and_, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Ended, NotFound
from db.models import Connection, EventStream, ExamAttempt, ExamEnrollment, MonitoringEvent, User
from db.queries.connections.connections import ConnectionKey, attempt_state_of
from db.queries.connections.resume import CLOSED
from protocol.attempts import OVER
from protocol.limits import HEARTBEAT_MS, SILENT_HEARTBEATS, TAIL_MS
from protocol.monitor import Attempt

SILENT: Final = "silent"
"""The cause of a connection's end when no request arrived for too many heartbeats."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The stream for a request: its last stored number, and whether its connection is open.

    `is_closed`: the queue continues in another stream.
    """

    attempt_id: UUID
    exam_id: UUID
    attempt: Attempt
    committed: int
    is_closed: bool
    is_superseded: bool
    is_connected: bool


_head: Final = (
    select(MonitoringEvent.seq, MonitoringEvent.event_type)
    .where(MonitoringEvent.stream_id == EventStream.id)
    .order_by(MonitoringEvent.seq.desc())
    .limit(1)
    .lateral("head")
)
_newest: Final = (
    select(Connection.generation, Connection.closed_at)
    .where(Connection.attempt_id == EventStream.attempt_id, Connection.stream_id == EventStream.id)
    .order_by(Connection.generation.desc())
    .limit(1)
    .lateral("newest")
)
_FIND: Final = (
    select(
        ExamAttempt.id,
        ExamAttempt.exam_id,
        ExamAttempt.status,
        ExamAttempt.deadline,
        func.coalesce(ExamAttempt.completed_at < func.now() - timedelta(milliseconds=TAIL_MS), False).label("is_past"),
        func.coalesce(_head.c.seq, 0).label("seq"),
        func.coalesce(_head.c.event_type == CLOSED, False).label("is_closed"),
        (ExamAttempt.generation > func.coalesce(_newest.c.generation, 0)).label("is_superseded"),
        and_(_newest.c.generation.is_not(None), _newest.c.closed_at.is_(None)).label("is_connected"),
    )
    .select_from(EventStream)
    .join(ExamAttempt, ExamAttempt.id == EventStream.attempt_id)
    .join(User, User.id == ExamAttempt.student_id)
    .outerjoin(_head, _head.c.seq.is_not(None))
    .outerjoin(_newest, _newest.c.generation.is_not(None))
    .where(
        EventStream.id == bindparam("stream"),
        EventStream.kind == "client",
        ExamAttempt.student_id == bindparam("student"),
        User.is_active,
        exists().where(
            ExamEnrollment.exam_id == ExamAttempt.exam_id,
            ExamEnrollment.student_id == ExamAttempt.student_id,
            ExamEnrollment.removed_at.is_(None),
        ),
    )
)
_HEAR: Final = (
    update(Connection)
    .where(
        Connection.stream_id == bindparam("stream"),
        Connection.attempt_id == bindparam("attempt"),
        Connection.closed_at.is_(None),
        Connection.heard_at.is_not(None),
    )
    .values(heard_at=func.clock_timestamp())
)


async def find_target(conn: AsyncConnection, stream_id: UUID, student_id: UUID) -> Target:
    """Find the stream to which a student sends events.

    Raises NotFound when it is not a client stream of the student's attempt, or the student is off the roster or
    deactivated; Ended when the attempt ended more than a day ago.
    """
    found = await conn.execute(_FIND, {"stream": stream_id, "student": student_id})
    row: Any = found.one_or_none()
    if row is None:
        raise NotFound(f"You have no stream {stream_id}.")
    attempt = attempt_state_of(row)
    if attempt.status in OVER and row.is_past:
        raise Ended(f"Attempt {row.id} ended more than a day ago.")
    return Target(
        attempt_id=row.id,
        exam_id=row.exam_id,
        attempt=attempt,
        committed=row.seq - 1 if row.is_closed else row.seq,
        is_closed=row.is_closed,
        is_superseded=row.is_superseded,
        is_connected=row.is_connected,
    )


async def record_request(conn: AsyncConnection, attempt_id: UUID, stream_id: UUID) -> None:
    """Record that a request arrived for the HTTP connection of this stream, if it has one."""
    await conn.execute(_HEAR, {"attempt": attempt_id, "stream": stream_id})


async def lock_silent(conn: AsyncConnection, hub: UUID) -> list[ConnectionKey]:
    """Lock the HTTP connections of a hub for which no request arrived in time, until COMMIT."""
    longest = timedelta(milliseconds=SILENT_HEARTBEATS * HEARTBEAT_MS)
    found = await conn.execute(
        select(Connection.attempt_id, Connection.generation)
        .where(
            Connection.hub == hub,
            Connection.closed_at.is_(None),
            Connection.heard_at < func.clock_timestamp() - longest,
        )
        .with_for_update(skip_locked=True)
    )
    return [ConnectionKey(row.attempt_id, row.generation) for row in found]
