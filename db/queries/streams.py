"""Streams and the connections that feed them: what happens in PostgreSQL when a candidate says hello or goes."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import NotFound
from db.models import Connection, EventStream, ExamAttempt, MonitoringEvent
from db.queries.facts import ServerFact, append
from protocol.attempts import RUNNING, AttemptStatus
from protocol.codes import RejectCode
from protocol.monitor import Hello, Rejected


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a hello found: the stream to go on with, and which connection of the attempt this is now."""

    attempt_id: UUID
    exam_id: UUID
    ix: int
    status: AttemptStatus
    deadline_ms: int | None
    generation: int
    stream_id: UUID
    committed: int
    rejected: list[Rejected]
    server_ms: int


async def open_connection(conn: AsyncConnection, hello: Hello, student_id: UUID, hub: UUID) -> Opening:
    """Make this the attempt's newest connection and find or open the stream of its queue.

    Raises NotFound unless the attempt runs and is this student's. The attempt's row stays locked until COMMIT, so
    two hellos of one attempt follow each other.
    """
    taken = await conn.execute(
        update(ExamAttempt)
        .where(
            ExamAttempt.id == hello.attempt_id, ExamAttempt.student_id == student_id, ExamAttempt.status.in_(RUNNING)
        )
        .values(generation=ExamAttempt.generation + 1)
        .returning(
            ExamAttempt.exam_id,
            ExamAttempt.ix,
            ExamAttempt.status,
            ExamAttempt.deadline,
            ExamAttempt.generation,
            func.clock_timestamp().label("now"),
        )
    )
    attempt = taken.one_or_none()
    if attempt is None:
        raise NotFound(f"no running attempt {hello.attempt_id} of this student")
    server_ms = to_ms(attempt.now)
    stream_id, committed = await _stream_of(conn, hello, server_ms)
    await _replace_connection(conn, hello.attempt_id, attempt.generation, stream_id, hub)
    fact = ServerFact("connection_opened", {"generation": attempt.generation, "stream": str(stream_id)})
    await append(conn, hello.attempt_id, [fact])
    return Opening(
        attempt_id=hello.attempt_id,
        exam_id=attempt.exam_id,
        ix=attempt.ix,
        status=AttemptStatus(attempt.status),
        deadline_ms=None if attempt.deadline is None else to_ms(attempt.deadline),
        generation=attempt.generation,
        stream_id=stream_id,
        committed=committed,
        rejected=await _rejected_after(conn, stream_id, hello.acked),
        server_ms=server_ms,
    )


async def close_connection(conn: AsyncConnection, attempt_id: UUID, generation: int, cause: str) -> bool:
    """Close a connection; only the attempt's newest one leaves the fact `connection_lost`. Whether it was open."""
    closed = await conn.execute(
        update(Connection)
        .where(Connection.attempt_id == attempt_id, Connection.generation == generation, Connection.closed_at.is_(None))
        .values(closed_at=func.clock_timestamp(), cause=cause)
        .returning(Connection.generation)
    )
    if closed.one_or_none() is None:
        return False
    await append(conn, attempt_id, [ServerFact("connection_lost", {"cause": cause, "generation": generation})])
    return True


async def superseded(conn: AsyncConnection, generations: Mapping[UUID, int]) -> list[UUID]:
    """Which of these attempts have a newer connection than the given one: one query for all sockets of a hub."""
    found = await conn.execute(
        select(ExamAttempt.id, ExamAttempt.generation).where(ExamAttempt.id.in_(list(generations)))
    )
    return [row.id for row in found if row.generation > generations[row.id]]


async def read_committed(conn: AsyncConnection, stream_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last stored number of each stream."""
    found = await conn.execute(
        select(MonitoringEvent.stream_id, func.max(MonitoringEvent.seq).label("seq"))
        .where(MonitoringEvent.stream_id.in_(stream_ids))
        .group_by(MonitoringEvent.stream_id)
    )
    return {row.stream_id: row.seq for row in found}


async def _stream_of(conn: AsyncConnection, hello: Hello, server_ms: int) -> tuple[UUID, int]:
    """The newest stream of this boot, or a new one when there is none or the client's numbering was rolled back."""
    found = await conn.execute(
        select(EventStream.id)
        .where(EventStream.attempt_id == hello.attempt_id, EventStream.boot == hello.boot)
        .order_by(EventStream.id.desc())
        .limit(1)
    )
    stream_id: UUID | None = found.scalar_one_or_none()
    if stream_id is not None:
        committed = (await read_committed(conn, [stream_id])).get(stream_id, 0)
        if hello.next_seq > committed:
            return stream_id, committed
    stream_id = uuid7()
    await conn.execute(
        insert(EventStream).values(
            id=stream_id,
            attempt_id=hello.attempt_id,
            kind="client",
            boot=hello.boot,
            time_base=server_ms - hello.mono,
        )
    )
    return stream_id, 0


async def _replace_connection(
    conn: AsyncConnection, attempt_id: UUID, generation: int, stream_id: UUID, hub: UUID
) -> None:
    await conn.execute(
        update(Connection)
        .where(Connection.attempt_id == attempt_id, Connection.closed_at.is_(None))
        .values(closed_at=func.clock_timestamp(), cause="superseded")
    )
    await conn.execute(
        insert(Connection).values(attempt_id=attempt_id, generation=generation, stream_id=stream_id, hub=hub)
    )


async def _rejected_after(conn: AsyncConnection, stream_id: UUID, acked: int) -> list[Rejected]:
    found = await conn.execute(
        select(MonitoringEvent.seq, MonitoringEvent.data_payload["code"].astext.label("code"))
        .where(
            MonitoringEvent.stream_id == stream_id,
            MonitoringEvent.seq > acked,
            MonitoringEvent.event_type == "rejected",
        )
        .order_by(MonitoringEvent.seq)
    )
    return [Rejected(row.seq, RejectCode(row.code)) for row in found]
