"""Connections of candidates: open on a hello, check, and close.

`resume.py` decides which stream the client continues. The newest connection of an attempt is the current one. Never
writes a client's events.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Row,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import Ended, NotFound
from db.models import Connection, Exam, ExamAttempt, ExamEnrollment, MonitoringEvent
from db.queries.connections import hub_leases
from db.queries.connections.abandoned import find_abandoned
from db.queries.connections.plain_hello import open_plain
from db.queries.connections.resume import HasProof, Resumption, resume
from db.queries.events.system_events import ServerEvent, append_events, append_to_each
from protocol.attempts import OVER, RUNNING, AttemptStatus
from protocol.codes import CloseCode, RejectCode
from protocol.limits import OVERRUN_FACTOR, TAIL_MS, WINDOW_EVENTS
from protocol.monitor import Attempt, Hello, Mark, Previous, Rejected


class OpenedConnection(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a hello: the stream to continue, and the generation of the connection.

    `closes_ms` is when the attempt ended, or will end. `previous` is the stream that the client named and does not
    continue; `server_lost` counts acknowledged numbers that the server lost and are now recorded as lost. `last` is the
    newest event that is stored and that the client does not know to be stored.
    """

    attempt_id: UUID
    exam_id: UUID
    ix: int
    attempt: Attempt
    closes_ms: int | None
    generation: int
    stream_id: UUID
    committed: int
    rejected: list[Rejected]
    server_ms: int
    previous: Previous | None = None
    server_lost: int = 0
    last: Mark | None = None
    has_instructions: bool = True
    """False when no instruction is pending."""


class SignedInOpening(msgspec.Struct, frozen=True):
    """A connection opened with its sign-in: its user as on the roster, and the only exam of a sign-in by code."""

    opening: OpenedConnection
    user_id: UUID
    name: str
    session: UUID
    exam_id: UUID | None
    is_self_made: bool


class SocketKey(msgspec.Struct, frozen=True):
    """A hub's socket: the generation of its connection, and its sign-in."""

    generation: int
    session: UUID


class SocketCheck(msgspec.Struct, frozen=True):
    """The state of a socket's attempt, and the close code when the socket must be closed."""

    attempt: Attempt
    code: CloseCode | None = None


class Closing(msgspec.Struct, frozen=True):
    """A connection that has ended: why, and how long ago."""

    attempt_id: UUID
    generation: int
    cause: str
    ago_ms: int = 0


class ConnectionKey(msgspec.Struct, frozen=True):
    """The key of a connection."""

    attempt_id: UUID
    generation: int


async def open_connection(
    conn: AsyncConnection,
    hello: Hello,
    student_id: UUID,
    hub: UUID,
    *,
    has_proof: HasProof,
    place: str | None = None,
    by_requests: bool = False,
) -> OpenedConnection:
    """Make this the newest connection of the attempt, and find or open the stream of its queue.

    `place` is a keyed hash of where the client is, kept at monitored exams only. A connection `by_requests` is not a
    socket: it stays open while requests arrive (`http_connections.py`). An attempt that has ended accepts what the
    queue still holds, for a day.

    Raises Ended after that day; NotFound unless the attempt has begun, belongs to this student, and the student is on
    the roster; ForeignStream for a stream of another attempt; BadRequest when it claims acknowledgements that are
    impossible. The attempt's row stays locked until COMMIT, so hellos of one attempt follow each other.
    """
    plain = await open_plain(conn, hello, hub, student_id=student_id, place=place, by_requests=by_requests)
    if plain is not None:
        return _opened_plain(hello, plain)
    return await open_in_steps(conn, hello, student_id, hub, has_proof=has_proof, place=place, by_requests=by_requests)


async def sign_in_and_open(
    conn: AsyncConnection,
    hello: Hello,
    hub: UUID,
    *,
    ticket: bytes | None,
    session: UUID | None,
    place: str | None = None,
) -> SignedInOpening | None:
    """Check a student's sign-in, by the hash of a ticket or by session, and open the connection, in one statement.

    None, and nothing is changed, when the hello is refused or is not plain: check and open it in steps.
    """
    row = await open_plain(conn, hello, hub, ticket=ticket, session=session, place=place)
    if row is None:
        return None
    opening = _opened_plain(hello, row)
    return SignedInOpening(opening, row.user_id, row.name, row.session_id, row.only_exam, row.is_self_made)


def _opened_plain(hello: Hello, row: Row[Any]) -> OpenedConnection:
    rejected = zip(row.rejected_seqs or (), row.rejected_codes or (), strict=True)
    return OpenedConnection(
        attempt_id=hello.attempt_id,
        exam_id=row.exam_id,
        ix=row.ix,
        attempt=attempt_state_of(row),
        closes_ms=None if row.closes_at is None else to_ms(row.closes_at),
        generation=row.generation,
        stream_id=row.stream_id,
        committed=row.committed,
        rejected=[Rejected(seq, RejectCode(code)) for seq, code in rejected],
        server_ms=to_ms(row.opened_at),
        last=None if row.last_seq is None else Mark(row.last_seq, to_ms(row.last_at), row.last_mono),
        has_instructions=row.has_instructions,
    )


async def open_in_steps(
    conn: AsyncConnection,
    hello: Hello,
    student_id: UUID,
    hub: UUID,
    *,
    has_proof: HasProof,
    place: str | None = None,
    by_requests: bool = False,
) -> OpenedConnection:
    """Open the connection of any hello; like `open_connection`, with a statement for each step."""
    attempt = await _take_attempt(conn, hello.attempt_id, student_id)
    server_ms = to_ms(attempt.now)
    resumed = await resume(conn, hello, server_ms, has_proof=has_proof)
    await conn.execute(_REPLACE, {"attempt": hello.attempt_id})
    await conn.execute(
        insert(Connection),
        {
            "attempt_id": hello.attempt_id,
            "generation": attempt.generation,
            "stream_id": resumed.stream_id,
            "hub": hub,
            "heard_at": attempt.now if by_requests else None,
            "place": place if attempt.is_monitored else None,
        },
    )
    await _record_opening(conn, hello, attempt, resumed, place)
    return OpenedConnection(
        attempt_id=hello.attempt_id,
        exam_id=attempt.exam_id,
        ix=attempt.ix,
        attempt=attempt_state_of(attempt),
        closes_ms=None if attempt.closes_at is None else to_ms(attempt.closes_at),
        generation=attempt.generation,
        stream_id=resumed.stream_id,
        committed=resumed.committed,
        rejected=await read_rejected(conn, resumed.stream_id, hello.acked, resumed.committed),
        server_ms=server_ms,
        previous=resumed.previous,
        server_lost=resumed.server_lost,
        last=resumed.last,
    )


# As text: Core has no plain way to write unnest of four arrays. The statement may wait for locks, so it uses the time
# of its start.
_CLOSE: Final = text(
    """
    UPDATE connections
    SET cause = closing.cause,
        closed_at = greatest(opened_at, statement_timestamp() - closing.ago_ms * interval '1 millisecond')
    FROM unnest(:attempts, :generations, :causes, :agos_ms) AS closing (attempt_id, generation, cause, ago_ms)
    WHERE connections.attempt_id = closing.attempt_id AND connections.generation = closing.generation
      AND closed_at IS NULL
    RETURNING connections.attempt_id, connections.generation, connections.cause
    """
).bindparams(
    bindparam("attempts", type_=ARRAY(Uuid)),
    bindparam("generations", type_=ARRAY(Integer)),
    bindparam("causes", type_=ARRAY(Text)),
    bindparam("agos_ms", type_=ARRAY(BigInteger)),
)


async def close_connections(conn: AsyncConnection, closings: Sequence[Closing]) -> list[UUID]:
    """Close connections, each with an event `connection_lost`; return the attempts of those that were open.

    An older connection was closed by the newer one and gets no event.
    """
    closed = await conn.execute(
        _CLOSE,
        {
            "attempts": [closing.attempt_id for closing in closings],
            "generations": [closing.generation for closing in closings],
            "causes": [closing.cause for closing in closings],
            "agos_ms": [closing.ago_ms for closing in closings],
        },
    )
    lost: dict[UUID, list[ServerEvent]] = {}
    for row in closed:
        event = ServerEvent("connection_lost", {"cause": row.cause, "generation": row.generation})
        lost.setdefault(row.attempt_id, []).append(event)
    await append_to_each(conn, lost)
    return list(lost)


async def list_open_sockets(conn: AsyncConnection, hub: UUID, *, older_than_s: float) -> list[ConnectionKey]:
    """List the sockets of a hub that have been open for longer than `older_than_s`."""
    found = await conn.execute(
        select(Connection.attempt_id, Connection.generation).where(
            Connection.hub == hub,
            Connection.closed_at.is_(None),
            Connection.heard_at.is_(None),
            Connection.opened_at < func.now() - timedelta(seconds=older_than_s),
        )
    )
    return [ConnectionKey(row.attempt_id, row.generation) for row in found]


# As text: Core has no plain way to write unnest of arrays. Only sockets that need something come back: thousands of
# rows that say "as before" would keep the event loop.
_CHECK: Final = text(
    """
    SELECT * FROM (
    SELECT socket.attempt_id, attempt.status, attempt.deadline,
           attempt.generation > socket.generation AS is_superseded,
           NOT EXISTS (
               SELECT FROM sessions JOIN users ON users.id = sessions.user_id
               WHERE sessions.id = socket.session AND sessions.ended_at IS NULL AND sessions.ends_at > now()
                 AND coalesce(sessions.last_used_at + make_interval(secs => sessions.idle_s) > now(), true)
                 AND users.is_active
           ) AS is_signed_out,
           NOT EXISTS (
               SELECT FROM exam_enrollments
               WHERE exam_id = attempt.exam_id AND student_id = attempt.student_id AND removed_at IS NULL
           ) AS is_removed,
           attempt.status = ANY (:over)
               AND attempt.completed_at < now() - :tail_ms * interval '1 millisecond' AS is_past,
           attempt.status IS DISTINCT FROM socket.status
               OR round(1000 * extract(epoch FROM attempt.deadline)) IS DISTINCT FROM socket.deadline AS has_changed
    FROM unnest(:attempts, :generations, :sessions, :statuses, :deadlines)
        AS socket (attempt_id, generation, session, status, deadline)
    JOIN exam_attempts AS attempt ON attempt.id = socket.attempt_id
    ) AS checked
    WHERE is_superseded OR is_signed_out OR is_removed OR is_past OR has_changed
    """
).bindparams(
    bindparam("attempts", type_=ARRAY(Uuid)),
    bindparam("generations", type_=ARRAY(Integer)),
    bindparam("sessions", type_=ARRAY(Uuid)),
    bindparam("statuses", type_=ARRAY(Text)),
    bindparam("deadlines", type_=ARRAY(BigInteger)),
    bindparam("over", list(OVER), ARRAY(Text)),
    bindparam("tail_ms", TAIL_MS, BigInteger),
)


async def check_sockets(
    conn: AsyncConnection, sockets: Mapping[UUID, SocketKey], known: Sequence[Attempt | None] = ()
) -> dict[UUID, SocketCheck]:
    """Check the sockets of a hub, in one query: the state of their attempts, and which must be closed.

    `known` are the states that their clients know, in the same order. Sockets that are open as before are left out.

    SUPERSEDED: there is a newer connection. UNAUTHENTICATED: the sign-in was revoked or has expired, or its user was
    deactivated. FORBIDDEN: the student is off the roster. ENDED: the attempt ended more than a day ago.
    """
    if not sockets:
        return {}
    found = await conn.execute(
        _CHECK,
        {
            "attempts": list(sockets),
            "generations": [socket.generation for socket in sockets.values()],
            "sessions": [socket.session for socket in sockets.values()],
            "statuses": [None if attempt is None else attempt.status for attempt in known],
            "deadlines": [None if attempt is None else attempt.deadline for attempt in known],
        },
    )
    return {row.attempt_id: SocketCheck(attempt_state_of(row), _code_of(row)) for row in found}


def _code_of(row: Row[Any]) -> CloseCode | None:
    if row.is_superseded:
        return CloseCode.SUPERSEDED
    if row.is_signed_out:
        return CloseCode.UNAUTHENTICATED
    if row.is_removed:
        return CloseCode.FORBIDDEN
    return CloseCode.ENDED if row.is_past else None


_is_enrolled: Final = exists().where(
    ExamEnrollment.exam_id == ExamAttempt.exam_id,
    ExamEnrollment.student_id == bindparam("student"),
    ExamEnrollment.removed_at.is_(None),
)
_takes_tail: Final = and_(
    ExamAttempt.status.in_(OVER), ExamAttempt.completed_at > func.now() - timedelta(milliseconds=TAIL_MS)
)
_IS_OVER: Final = select(ExamAttempt.id).where(
    ExamAttempt.id == bindparam("attempt"),
    ExamAttempt.student_id == bindparam("student"),
    ExamAttempt.status.in_(OVER),
    _is_enrolled,
)
_TAKE: Final = (
    update(ExamAttempt)
    .where(
        ExamAttempt.id == bindparam("attempt"),
        ExamAttempt.student_id == bindparam("student"),
        or_(ExamAttempt.status.in_(RUNNING), _takes_tail),
        _is_enrolled,
    )
    .values(generation=ExamAttempt.generation + 1)
    .returning(
        ExamAttempt.exam_id,
        ExamAttempt.ix,
        ExamAttempt.status,
        ExamAttempt.deadline,
        func.coalesce(ExamAttempt.completed_at, ExamAttempt.deadline).label("closes_at"),
        ExamAttempt.generation,
        ExamAttempt.silent_since,
        select(Exam.enable_monitoring).where(Exam.id == ExamAttempt.exam_id).scalar_subquery().label("is_monitored"),
        func.clock_timestamp().label("now"),
    )
)
# Closes older connections, and records when their hub was dead. Only the newest connection gets an event.
_REPLACE: Final = (
    update(Connection)
    .where(Connection.attempt_id == bindparam("attempt"), Connection.closed_at.is_(None))
    .values(
        closed_at=func.clock_timestamp(),
        cause=case((hub_leases.is_dead(Connection.hub), hub_leases.HUB_GONE), else_="superseded"),
    )
)


async def _take_attempt(conn: AsyncConnection, attempt_id: UUID, student_id: UUID) -> Row[Any]:
    """Lock the attempt and increase its generation. Raises NotFound or Ended."""
    owner = {"attempt": attempt_id, "student": student_id}
    attempt = (await conn.execute(_TAKE, owner)).one_or_none()
    if attempt is not None:
        return attempt
    if (await conn.execute(_IS_OVER, owner)).one_or_none() is not None:
        raise Ended(f"Attempt {attempt_id} ended more than a day ago.")
    raise NotFound(f"You have no running attempt {attempt_id}.")


def attempt_state_of(row: Row[Any]) -> Attempt:
    """Return the state of an attempt for its client."""
    status = AttemptStatus(row.status)
    deadline = None if row.deadline is None else to_ms(row.deadline)
    return Attempt(status, deadline, status is AttemptStatus.PAUSED)


async def _record_opening(
    conn: AsyncConnection, hello: Hello, attempt: Row[Any], resumed: Resumption, place: str | None
) -> None:
    """Append the events of a new connection, also of the queues that it abandons and the silence that it ends."""
    abandoned = await find_abandoned(conn, hello.attempt_id, hello.boot) if resumed.is_new_queue else []
    stream = str(resumed.stream_id)
    opened = {"generation": attempt.generation, "stream": stream}
    if place is not None and attempt.is_monitored:
        opened["place"] = place
    events = [
        *(ServerEvent("stream_abandoned", {"stream": str(old.stream_id), "seq": old.seq}) for old in abandoned),
        ServerEvent("connection_opened", opened),
    ]
    if attempt_state_of(attempt).is_over:
        events.append(ServerEvent("late_from", {"stream": stream, "seq": resumed.committed + 1}))
    if attempt.silent_since is not None:
        events.append(await _end_silence(conn, hello.attempt_id, attempt.silent_since, to_ms(attempt.now)))
    await append_events(conn, hello.attempt_id, events)


async def _end_silence(conn: AsyncConnection, attempt_id: UUID, since: datetime, server_ms: int) -> ServerEvent:
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt_id).values(silent_since=None))
    return ServerEvent("heartbeat_resumed", {"silent_ms": max(0, server_ms - to_ms(since))})


async def read_rejected(conn: AsyncConnection, stream_id: UUID, acked: int, committed: int) -> list[Rejected]:
    """Return the refused numbers after `acked`.

    Reads the newest rows only: a client that follows the protocol has no more unacknowledged events than that.
    """
    if committed <= acked:
        return []
    code = MonitoringEvent.data_payload["code"].astext.label("code")
    newest = (
        select(MonitoringEvent.seq, MonitoringEvent.event_type, code)
        .where(MonitoringEvent.stream_id == stream_id, MonitoringEvent.seq > acked)
        .order_by(MonitoringEvent.seq.desc())
        .limit(OVERRUN_FACTOR * WINDOW_EVENTS)
        .subquery()
    )
    found = await conn.execute(
        select(newest.c.seq, newest.c.code).where(newest.c.event_type == "rejected").order_by(newest.c.seq)
    )
    return [Rejected(row.seq, RejectCode(row.code)) for row in found]
