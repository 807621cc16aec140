"""Made history: attempts that began so many days ago, with events in the partition of their day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.clock import from_ms
from db.models import (
    AnalysisCursor,
    AttemptAnswer,
    EventStream,
    Exam,
    ExamAttempt,
    ExamEnrollment,
    MonitoringEvent,
    RejectedEvent,
)
from db.partitions import PARENT, first_id, partition_of
from db.queries.evaluation import flags
from judgement.rules import RULEBOOK_VERSION
from protocol.attempts import ExamKind
from protocol.flags import Severity
from protocol.roles import Role
from tests.factories import make_exam, make_user

EVENTS = 6
"""Events of a past attempt: one of the server, and five of the client."""


class PastAttempt(msgspec.Struct, frozen=True):
    """One attempt of the past."""

    attempt_id: UUID
    student_id: UUID
    day: date
    streams: tuple[UUID, UUID]
    flag_id: UUID


class History:
    """One exam with attempts of past days."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.exams: dict[ExamKind, UUID] = {}

    async def open(self, teacher: UUID | None = None) -> "History":
        async with self.engine.begin() as conn:
            teacher = teacher or await make_user(conn, role=Role.TEACHER, name="Grace Example")
            for kind in ExamKind:
                self.exams[kind] = await make_exam(conn, teacher, policy={"rulebook": RULEBOOK_VERSION})
                await conn.execute(update(Exam).where(Exam.id == self.exams[kind]).values(kind=kind))
        return self

    async def add(
        self,
        days_ago: int,
        *,
        final_days_ago: int | None = None,
        flag: str = "confirmed",
        kind: ExamKind = ExamKind.REAL,
        student_id: UUID | None = None,
    ) -> PastAttempt:
        """Add an attempt that ended an hour after its start; it was never graded without `final_days_ago`."""
        began = datetime.now(UTC) - timedelta(days=days_ago, hours=2)
        async with self.engine.begin() as conn:
            await make_partition(conn, began.date())
            student = student_id or await make_user(conn)
            attempt_id = await self._insert(conn, self.exams[kind], student, began)
            streams = await _store(conn, attempt_id, began)
            flag_id = await _raise(conn, attempt_id, streams[1])
            await conn.execute(text("UPDATE flags SET status = :to WHERE id = :id"), {"to": flag, "id": flag_id})
            final = None if final_days_ago is None else datetime.now(UTC) - timedelta(days=final_days_ago)
            await conn.execute(
                update(ExamAttempt)
                .where(ExamAttempt.id == attempt_id)
                .values(
                    status="submitted",
                    completed_at=began + timedelta(hours=1),
                    grade_final_at=final,
                    submission_data={"responses": {"q1": "third"}, "stood": {"q1": [str(streams[1]), 4]}},
                )
            )
        return PastAttempt(attempt_id, student, began.date(), streams, flag_id)

    async def add_late_answer(self, past: PastAttempt, seq: int, value: str) -> None:
        """Store a draft of the last second of an attempt that arrived a minute after its end."""
        async with self.engine.begin() as conn:
            found = await conn.execute(select(ExamAttempt.completed_at).where(ExamAttempt.id == past.attempt_id))
            end = found.scalar_one()
            assert end is not None
            at, row = end - timedelta(seconds=1), {"stream_id": past.streams[1], "seq": seq, "mono": 3_599_000}
            await conn.execute(
                insert(MonitoringEvent).values(
                    client_timestamp=at,
                    server_timestamp=end + timedelta(minutes=1),
                    event_type="draft_saved",
                    data_payload={"item": "q1", "text": value},
                    **row,
                )
            )
            await _answer(conn, past.attempt_id, (past.streams[1], seq), value, at, end + timedelta(minutes=1))

    async def _insert(self, conn: AsyncConnection, exam_id: UUID, student: UUID, began: datetime) -> UUID:
        attempt_id = uuid7()
        await conn.execute(insert(ExamEnrollment).values(exam_id=exam_id, student_id=student))
        policy = await conn.execute(text("SELECT id FROM exam_policies WHERE exam_id = :exam"), {"exam": exam_id})
        ix = await conn.execute(
            text("SELECT coalesce(max(ix), 0) + 1 FROM exam_attempts WHERE exam_id = :exam"), {"exam": exam_id}
        )
        await conn.execute(
            insert(ExamAttempt).values(
                id=attempt_id,
                exam_id=exam_id,
                student_id=student,
                ix=ix.scalar_one(),
                status="in_progress",
                policy_id=policy.scalar_one(),
                rulebook_version=RULEBOOK_VERSION,
                started_at=began,
            )
        )
        return attempt_id


async def make_partition(conn: AsyncConnection, day: date) -> None:
    """Create the partition of a day, unless it exists."""
    part = partition_of(day)
    bounds = f"FOR VALUES FROM ('{part.lower}') TO ('{part.upper}')"
    await conn.execute(text(f"CREATE TABLE IF NOT EXISTS {part.name} PARTITION OF {PARENT} {bounds}"))


async def _store(conn: AsyncConnection, attempt_id: UUID, began: datetime) -> tuple[UUID, UUID]:
    """Store a system stream and a client stream with drafts, a paste, a refused event, and their answers."""
    base = int(began.timestamp() * 1000)
    system, client = (UUID(int=first_id(began).int | uuid4().int >> 64) for _ in range(2))
    for stream_id, kind in ((system, "system"), (client, "client")):
        boot = uuid4() if kind == "client" else None
        await conn.execute(
            insert(EventStream).values(
                id=stream_id, attempt_id=attempt_id, kind=kind, boot=boot, time_base=base, opened_at=began
            )
        )
    written: list[tuple[UUID, int, str, dict[str, Any]]] = [
        (system, 1, "attempt_started", {}),
        (client, 1, "draft_saved", {"item": "q1", "text": "first"}),
        (client, 2, "paste", {"chars": 300, "item": "q1"}),
        (client, 3, "rejected", {"code": "bad_type"}),
        (client, 4, "draft_saved", {"item": "q1", "text": "third"}),
        (client, 5, "window_blur", {}),
    ]
    for stream_id, seq, kind, data in written:
        at = from_ms(base + seq * 1000)
        row = {"stream_id": stream_id, "seq": seq, "mono": seq * 1000, "event_type": kind, "data_payload": data}
        await conn.execute(insert(MonitoringEvent).values(client_timestamp=at, server_timestamp=at, **row))
        if kind == "draft_saved":
            await _answer(conn, attempt_id, (stream_id, seq), data["text"], at, at)
    await conn.execute(insert(RejectedEvent).values(stream_id=client, seq=3, code="bad_type", raw=b"what I wrote"))
    positions = {str(system): 1, str(client): 5}
    order = [[str(system), 1, 1], [str(client), 1, 5]]
    await conn.execute(
        insert(AnalysisCursor).values(attempt_id=attempt_id, positions=positions, fold_order=order, facts=EVENTS)
    )
    return system, client


async def _answer(
    conn: AsyncConnection,
    attempt_id: UUID,
    event: tuple[UUID, int],
    value: str,
    occurred_at: datetime,
    stored_at: datetime,
) -> None:
    answer = {"stream_id": event[0], "seq": event[1], "attempt_id": attempt_id, "item": "q1", "value": value}
    await conn.execute(insert(AttemptAnswer).values(occurred_at=occurred_at, stored_at=stored_at, **answer))


async def _raise(conn: AsyncConnection, attempt_id: UUID, stream_id: UUID) -> UUID:
    flag = flags.NewFlag(
        attempt_id=attempt_id,
        rule="large_paste",
        rule_version=1,
        policy_version=1,
        episode_key="1",
        severity=Severity.WARNING,
        confidence=0.8,
        summary="300 characters pasted",
        numbers={"chars": 300},
        cited=((stream_id, 2),),
    )
    return (await flags.raise_flags(conn, [flag]))[0].flag_id
