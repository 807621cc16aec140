"""Attempts: starting one, and reading what sockets and workers need to know of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, cast, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import NotFound
from db.models import AnalysisCursor, Exam, ExamAttempt, ExamEnrollment, ExamPolicy, FeedHead
from db.queries import facts, feed
from protocol.attempts import RUNNING, AttemptStatus
from protocol.console import AttemptRow


class AttemptOpened(msgspec.Struct, frozen=True):
    """A running attempt, and whether this call created it."""

    attempt_id: UUID
    ix: int
    status: AttemptStatus
    deadline: datetime | None
    created: bool


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt with the policy it is pinned to."""

    attempt_id: UUID
    exam_id: UUID
    student_id: UUID
    ix: int
    status: AttemptStatus
    generation: int
    deadline: datetime | None
    policy: dict[str, Any]
    policy_version: int
    rulebook_version: int


async def start(conn: AsyncConnection, exam_id: UUID, student_id: UUID, *, rulebook_version: int) -> AttemptOpened:
    """Return the student's running attempt, or begin one: with its cursor, system stream, first fact and feed row.

    It is pinned to the exam's newest policy and the rulebook that is for; `rulebook_version` where it names none.
    Raises NotFound unless the exam is published and the student is on its roster.
    """
    duration_minutes = await _published_duration(conn, exam_id, student_id)
    # Whoever starts attempts of one exam does so one after the other: `ix` and "at most one runs" follow from it.
    await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == exam_id).with_for_update())
    running = await _running(conn, exam_id, student_id)
    if running is not None:
        return running
    opened = await _create(conn, exam_id, student_id, duration_minutes, rulebook_version)
    await conn.execute(insert(AnalysisCursor).values(attempt_id=opened.attempt_id))
    await facts.open_stream(conn, opened.attempt_id)
    await facts.append(conn, opened.attempt_id, [facts.ServerFact("attempt_started")])
    await feed.append(conn, exam_id, [_row(opened, student_id)])
    return opened


async def read(conn: AsyncConnection, attempt_id: UUID) -> AttemptRecord:
    """Read one attempt and its pinned policy. Raises NotFound."""
    found = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.exam_id,
            ExamAttempt.student_id,
            ExamAttempt.ix,
            ExamAttempt.status,
            ExamAttempt.generation,
            ExamAttempt.deadline,
            ExamPolicy.settings,
            ExamPolicy.version,
            ExamAttempt.rulebook_version,
        )
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(ExamAttempt.id == attempt_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"no attempt {attempt_id}")
    return AttemptRecord(
        attempt_id=row.id,
        exam_id=row.exam_id,
        student_id=row.student_id,
        ix=row.ix,
        status=AttemptStatus(row.status),
        generation=row.generation,
        deadline=row.deadline,
        policy=row.settings,
        policy_version=row.version,
        rulebook_version=row.rulebook_version,
    )


async def _published_duration(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> int:
    found = await conn.execute(
        select(Exam.duration_minutes)
        .join(ExamEnrollment, ExamEnrollment.exam_id == Exam.id)
        .where(
            Exam.id == exam_id,
            Exam.is_published,
            ExamEnrollment.student_id == student_id,
            ExamEnrollment.removed_at.is_(None),
        )
    )
    minutes: int | None = found.scalar_one_or_none()
    if minutes is None:
        raise NotFound(f"no exam {exam_id} for this student")
    return minutes


async def _running(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> AttemptOpened | None:
    found = await conn.execute(
        select(ExamAttempt.id, ExamAttempt.ix, ExamAttempt.status, ExamAttempt.deadline).where(
            ExamAttempt.exam_id == exam_id, ExamAttempt.student_id == student_id, ExamAttempt.status.in_(RUNNING)
        )
    )
    row = found.one_or_none()
    return (
        None if row is None else AttemptOpened(row.id, row.ix, AttemptStatus(row.status), row.deadline, created=False)
    )


async def _create(
    conn: AsyncConnection, exam_id: UUID, student_id: UUID, duration_minutes: int, rulebook_version: int
) -> AttemptOpened:
    newest = select(ExamPolicy).where(ExamPolicy.exam_id == exam_id).order_by(ExamPolicy.version.desc()).limit(1)
    # An attempt is judged by the rules its policy was written for, not by newer ones that policy does not know.
    named = cast(ExamPolicy.settings["rulebook"].astext, Integer)
    next_ix = (
        select(func.coalesce(func.max(ExamAttempt.ix), 0) + 1).where(ExamAttempt.exam_id == exam_id).scalar_subquery()
    )
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    created = await conn.execute(
        insert(ExamAttempt)
        .values(
            id=uuid7(),
            exam_id=exam_id,
            student_id=student_id,
            ix=next_ix,
            status=AttemptStatus.IN_PROGRESS,
            policy_id=newest.with_only_columns(ExamPolicy.id).scalar_subquery(),
            rulebook_version=func.coalesce(newest.with_only_columns(named).scalar_subquery(), rulebook_version),
            started_at=now,
            deadline=now + timedelta(minutes=duration_minutes),
        )
        .returning(ExamAttempt.id, ExamAttempt.ix, ExamAttempt.deadline)
    )
    row = created.one()
    return AttemptOpened(row.id, row.ix, AttemptStatus.IN_PROGRESS, row.deadline, created=True)


def _row(opened: AttemptOpened, student_id: UUID) -> AttemptRow:
    return AttemptRow(
        ix=opened.ix,
        attempt_id=opened.attempt_id,
        student_id=student_id,
        status=opened.status,
        deadline=None if opened.deadline is None else to_ms(opened.deadline),
    )
