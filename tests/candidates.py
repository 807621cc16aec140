"""Candidates in the database: hellos, connections, and streams of any age."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.models import Connection, EventStream, HubLease, MonitoringEvent
from db.queries.connections import connections, hub_leases
from db.queries.connections.connections import Closing, OpenedConnection
from protocol.monitor import Client, Hello, Mark
from protocol.roles import Role
from tests import factories

DAY_MS = 24 * 3600 * 1000


class Candidate(msgspec.Struct, frozen=True):
    """One attempt with its exam and student."""

    exam_id: UUID
    attempt_id: UUID
    student_id: UUID


async def make_candidates(conn: AsyncConnection, students: int = 1) -> list[Candidate]:
    exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    candidates = []
    for _ in range(students):
        student_id = await factories.make_user(conn)
        candidates.append(Candidate(exam_id, await factories.make_attempt(conn, exam_id, student_id), student_id))
    return candidates


async def start_hub(conn: AsyncConnection) -> UUID:
    hub = uuid7()
    await hub_leases.take_lease(conn, hub)
    return hub


async def connect(
    conn: AsyncConnection,
    candidate: Candidate,
    hub: UUID,
    *,
    boot: UUID | None = None,
    stream: UUID | None = None,
    acked: int = 0,
    next_seq: int = 1,
    mono: int = 500,
    pending: Sequence[Mark] = (),
    is_proven: bool = True,
    place: str | None = None,
) -> OpenedConnection:
    hello = Hello(
        ticket="t",
        attempt_id=candidate.attempt_id,
        boot=boot or uuid4(),
        stream=stream,
        acked=acked,
        next_seq=max(next_seq, acked + 1),
        client=Client("x", "1"),
        mono=mono,
        at=0,
        pending=list(pending),
    )
    return await connections.open_connection(
        conn, hello, candidate.student_id, hub, has_proof=lambda _: is_proven, place=place
    )


async def expire_lease(conn: AsyncConnection, hub: UUID, seconds: float = 1) -> None:
    await conn.execute(
        update(HubLease).where(HubLease.hub == hub).values(expires_at=func.clock_timestamp() - _seconds(seconds))
    )


async def move_into_past(conn: AsyncConnection, attempt_ids: Sequence[UUID], seconds: float) -> None:
    """Move the end of these attempts' closed connections into the past."""
    await conn.execute(
        update(Connection)
        .where(Connection.attempt_id.in_(attempt_ids))
        .values(closed_at=Connection.closed_at - _seconds(seconds))
    )


async def age_stream(conn: AsyncConnection, stream_id: UUID, ms: int) -> UUID:
    """Change the id of a stream to that of a stream that opened `ms` earlier."""
    older = UUID(int=stream_id.int - (ms << 80))
    names = {"older": older, "newer": stream_id}
    for statement in (
        "INSERT INTO event_streams (id, attempt_id, kind, boot, time_base, opened_at) "
        "SELECT :older, attempt_id, kind, boot, time_base, opened_at FROM event_streams WHERE id = :newer",
        "UPDATE connections SET stream_id = :older WHERE stream_id = :newer",
        "UPDATE monitoring_events SET stream_id = :older WHERE stream_id = :newer",
        "DELETE FROM event_streams WHERE id = :newer",
    ):
        await conn.execute(text(statement), {name: names[name] for name in names if f":{name}" in statement})
    return older


async def system_events(conn: AsyncConnection, attempt_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    found = await conn.execute(
        select(MonitoringEvent.event_type, MonitoringEvent.data_payload)
        .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
        .where(EventStream.attempt_id == attempt_id, EventStream.kind == "system")
        .order_by(EventStream.id, MonitoringEvent.seq)
    )
    return [(row.event_type, row.data_payload) for row in found]


async def read_rows(conn: AsyncConnection, stream_id: UUID) -> list[tuple[int, str, Any]]:
    """Read the rows of a stream: number, type, and the first number of a lost span."""
    found = await conn.execute(
        select(MonitoringEvent.seq, MonitoringEvent.event_type, MonitoringEvent.data_payload["from"])
        .where(MonitoringEvent.stream_id == stream_id)
        .order_by(MonitoringEvent.seq)
    )
    return [tuple(row) for row in found]


def _seconds(seconds: float) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)


async def disconnect(conn: AsyncConnection, candidate: Candidate, generation: int, cause: str = "gone") -> bool:
    """Close one connection; return whether it was open."""
    return bool(await connections.close_connections(conn, [Closing(candidate.attempt_id, generation, cause)]))
