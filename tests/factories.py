"""Rows for tests, created with the project's queries where possible."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import from_ms
from db.models import (
    AnalysisCursor,
    Connection,
    EventStream,
    Exam,
    ExamAttempt,
    ExamEnrollment,
    ExamPolicy,
    MonitoringEvent,
    User,
)
from db.queries import feed
from db.queries.attempts.start import start_attempt
from db.queries.evaluation import flags
from protocol.flags import Severity
from protocol.roles import Role

TIME_BASE_MS = 1_700_000_000_000


async def make_user(conn: AsyncConnection, *, role: Role = Role.STUDENT, name: str = "Ada Example") -> UUID:
    user_id = uuid7()
    await conn.execute(insert(User).values(id=user_id, username=f"u-{user_id}", full_name=name, role=role))
    return user_id


async def make_exam(
    conn: AsyncConnection, creator_id: UUID, *, policy: dict[str, Any] | None = None, duration_minutes: int = 60
) -> UUID:
    exam_id = uuid7()
    await conn.execute(
        insert(Exam).values(
            id=exam_id, creator_id=creator_id, title="Physics", duration_minutes=duration_minutes, is_published=True
        )
    )
    await conn.execute(insert(ExamPolicy).values(id=uuid7(), exam_id=exam_id, version=1, settings=policy or {}))
    await feed.create_feed(conn, exam_id)
    return exam_id


async def make_attempt(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> UUID:
    await conn.execute(insert(ExamEnrollment).values(exam_id=exam_id, student_id=student_id))
    opened = await start_attempt(conn, exam_id, student_id, rulebook_version=1)
    if opened.row is not None:
        await feed.append(conn, exam_id, [opened.row])
    return opened.attempt_id


async def make_stream(conn: AsyncConnection, attempt_id: UUID, *, time_base: int = TIME_BASE_MS) -> UUID:
    stream_id = uuid7()
    await conn.execute(
        insert(EventStream).values(
            id=stream_id, attempt_id=attempt_id, kind="client", boot=uuid4(), time_base=time_base
        )
    )
    return stream_id


async def make_connection(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, *, opened_s: float = 0, closed_s: float | None = None
) -> None:
    """Add a connection, from and until so many seconds after the start of the attempt; open without `closed_s`."""
    started = select(ExamAttempt.started_at).where(ExamAttempt.id == attempt_id).scalar_subquery()
    newest = select(func.coalesce(func.max(Connection.generation), 0) + 1).where(Connection.attempt_id == attempt_id)
    await conn.execute(
        insert(Connection).values(
            attempt_id=attempt_id,
            generation=newest.scalar_subquery(),
            stream_id=stream_id,
            hub=uuid4(),
            opened_at=started + timedelta(seconds=opened_s),
            closed_at=None if closed_s is None else started + timedelta(seconds=closed_s),
        )
    )


async def observe_throughout(conn: AsyncConnection, attempt_id: UUID) -> None:
    """Store what a worker stores when events arrived all the time: the whole attempt was observed."""
    observed = {"seen": [[0, 2**45]]}
    await conn.execute(update(AnalysisCursor).where(AnalysisCursor.attempt_id == attempt_id).values(observed=observed))


async def store_events(
    conn: AsyncConnection, stream_id: UUID, events: Sequence[tuple[str, dict[str, Any], int]]
) -> None:
    """Append (type, data, mono_ms) to a stream."""
    last = (
        await conn.execute(
            select(func.coalesce(func.max(MonitoringEvent.seq), 0)).where(MonitoringEvent.stream_id == stream_id)
        )
    ).scalar_one()
    await conn.execute(
        insert(MonitoringEvent),
        [
            {
                "stream_id": stream_id,
                "seq": seq,
                "mono": mono,
                "client_timestamp": from_ms(TIME_BASE_MS + mono),
                "event_type": kind,
                "data_payload": data,
            }
            for seq, (kind, data, mono) in enumerate(events, last + 1)
        ],
    )


async def make_flag(conn: AsyncConnection, attempt_id: UUID, *, episode: str = "1", confidence: float = 0.8) -> UUID:
    """Add a flag of a rule without citations and without a feed row."""
    flag = flags.NewFlag(
        attempt_id=attempt_id,
        rule="left_page",
        rule_version=1,
        policy_version=1,
        episode_key=episode,
        severity=Severity.WARNING,
        confidence=confidence,
        summary="left the page 3 times in 5 minutes",
        numbers={},
        cited=(),
    )
    return (await flags.raise_flags(conn, [flag]))[0].flag_id
