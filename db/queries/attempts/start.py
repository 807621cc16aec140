"""Start attempts, and read what sockets and workers need to know about one.

Never ends an attempt, and never appends to a feed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, Row, cast, exists, func, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import Conflict, NotFound, NotOpen
from db.models import (
    AcknowledgedNotice,
    AnalysisCursor,
    EventStream,
    Exam,
    ExamAttempt,
    ExamEnrollment,
    ExamPolicy,
    FeedHead,
    MonitoringEvent,
    User,
)
from db.queries.events import system_events
from protocol.attempts import RUNNING, AttemptStatus
from protocol.console import AttemptRow


class StartedAttempt(msgspec.Struct, frozen=True):
    """A running attempt; `now` is the current time of PostgreSQL's clock.

    `row` is the attempt as boards show it, for the feed, when this call created the attempt; otherwise None.
    """

    attempt_id: UUID
    ix: int
    status: AttemptStatus
    deadline: datetime | None
    now: datetime
    row: AttemptRow | None = None


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt with its policy."""

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


async def start_attempt(
    conn: AsyncConnection,
    exam_id: UUID,
    student_id: UUID,
    *,
    rulebook_version: int,
    notice: int | None = None,
    notice_body: dict[str, Any] | None = None,
    place_of: Callable[[UUID], str] | None = None,
) -> StartedAttempt:
    """Return the running attempt of the student, or start one with its cursor, system stream and first event.

    The caller appends `row` of the result to the exam's feed, in the same transaction.

    A new attempt keeps the newest items and policy of the exam, and the rulebook of that policy (`rulebook_version`
    when the policy names none). `notice` is the version of the notice that the student acknowledged; it is recorded
    once. `notice_body` is its text, which is stored once for each version. `place_of` returns the place of the request
    for a new attempt (`db/queries/attempts/places.py`).

    Raises NotFound unless the exam is published and the student is active and on its roster, NotOpen before it opens
    and after it closes, Conflict when the student has taken it already.
    """
    exam = await _read_open(conn, exam_id, student_id)
    opened = await _running(conn, exam_id, student_id)
    if opened is None:
        await _keep_student(conn, exam_id, student_id)
        # Attempts of one exam start one after the other, which makes `ix` and "at most one runs" correct. Everywhere
        # else the feed's head is locked last, so nothing after this may wait for another lock.
        await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == exam_id).with_for_update())
        # Again: the exam may have been unpublished or closed while this waited for the lock.
        exam = await _read_open(conn, exam_id, student_id)
        opened = await _running(conn, exam_id, student_id) or await _begin(
            conn, exam, student_id, rulebook_version, place_of
        )
    await _acknowledge(conn, opened.attempt_id, notice, notice_body)
    return opened


async def read_attempt(conn: AsyncConnection, attempt_id: UUID) -> AttemptRecord:
    """Read one attempt and its policy. Raises NotFound."""
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
        raise NotFound(f"There is no attempt {attempt_id}.")
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


async def _read_open(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> Row[*tuple[Any, ...]]:
    """Read a published exam that has this student on its roster. Raises NotFound."""
    now = func.clock_timestamp()
    found = await conn.execute(
        select(
            Exam.id,
            Exam.duration_minutes,
            Exam.items_version,
            Exam.enable_monitoring,
            Exam.opens_at,
            Exam.closes_at,
            (Exam.opens_at > now).is_(True).label("is_early"),
            (Exam.closes_at <= now).is_(True).label("is_late"),
        )
        .join(ExamEnrollment, ExamEnrollment.exam_id == Exam.id)
        .where(
            Exam.id == exam_id,
            Exam.is_published,
            ExamEnrollment.student_id == student_id,
            ExamEnrollment.removed_at.is_(None),
        )
    )
    exam = found.one_or_none()
    if exam is None:
        raise NotFound(f"You have no exam {exam_id}.")
    return exam


async def _keep_student(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> None:
    """Keep the account from being erased until COMMIT: no attempt of an erased person runs. Raises NotFound."""
    kept = await conn.execute(
        select(User.id).where(User.id == student_id, User.is_active).with_for_update(read=True, key_share=True)
    )
    if kept.one_or_none() is None:
        raise NotFound(f"You have no exam {exam_id}.")


async def _running(conn: AsyncConnection, exam_id: UUID, student_id: UUID) -> StartedAttempt | None:
    """Return the running attempt; None when the student has no attempt. Raises Conflict when one has ended."""
    newest = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.ix,
            ExamAttempt.status,
            ExamAttempt.deadline,
            func.clock_timestamp().label("now"),
        )
        .where(ExamAttempt.exam_id == exam_id, ExamAttempt.student_id == student_id)
        .order_by(ExamAttempt.ix.desc())
        .limit(1)
    )
    row = newest.one_or_none()
    if row is None:
        return None
    if row.status not in RUNNING:
        raise Conflict("You have already taken this exam.")
    return StartedAttempt(row.id, row.ix, AttemptStatus(row.status), row.deadline, row.now)


async def _begin(
    conn: AsyncConnection,
    exam: Row[*tuple[Any, ...]],
    student_id: UUID,
    rulebook_version: int,
    place_of: Callable[[UUID], str] | None,
) -> StartedAttempt:
    """Start an attempt, with its cursor, system stream and first event. Raises NotOpen."""
    if exam.is_early:
        raise NotOpen(f"The exam opens at {exam.opens_at:%Y-%m-%d %H:%M} UTC.")
    if exam.is_late:
        raise NotOpen(f"The exam closed at {exam.closes_at:%Y-%m-%d %H:%M} UTC.")
    opened = await _create(conn, exam, student_id, rulebook_version)
    await conn.execute(insert(AnalysisCursor).values(attempt_id=opened.attempt_id))
    await system_events.open_stream(conn, opened.attempt_id)
    data = {"place": place_of(opened.attempt_id)} if place_of is not None and exam.enable_monitoring else {}
    await system_events.append_events(conn, opened.attempt_id, [system_events.ServerEvent("attempt_started", data)])
    return opened


async def _create(
    conn: AsyncConnection, exam: Row[*tuple[Any, ...]], student_id: UUID, rulebook_version: int
) -> StartedAttempt:
    newest = select(ExamPolicy).where(ExamPolicy.exam_id == exam.id).order_by(ExamPolicy.version.desc()).limit(1)
    # An attempt is evaluated with the rulebook that its policy was written for, not with a newer one.
    named = cast(ExamPolicy.settings["rulebook"].astext, Integer)
    next_ix = (
        select(func.coalesce(func.max(ExamAttempt.ix), 0) + 1).where(ExamAttempt.exam_id == exam.id).scalar_subquery()
    )
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    until = now + timedelta(minutes=exam.duration_minutes)
    created = await conn.execute(
        insert(ExamAttempt)
        .values(
            id=uuid7(),
            exam_id=exam.id,
            student_id=student_id,
            ix=next_ix,
            status=AttemptStatus.IN_PROGRESS,
            policy_id=newest.with_only_columns(ExamPolicy.id).scalar_subquery(),
            rulebook_version=func.coalesce(newest.with_only_columns(named).scalar_subquery(), rulebook_version),
            items_version=exam.items_version,
            started_at=now,
            deadline=until if exam.closes_at is None else min(until, exam.closes_at),
        )
        .returning(ExamAttempt.id, ExamAttempt.ix, ExamAttempt.deadline)
    )
    row = created.one()
    shown = AttemptRow(
        ix=row.ix,
        attempt_id=row.id,
        student_id=student_id,
        status=AttemptStatus.IN_PROGRESS,
        deadline=None if row.deadline is None else to_ms(row.deadline),
    )
    return StartedAttempt(row.id, row.ix, AttemptStatus.IN_PROGRESS, row.deadline, now, shown)


async def _acknowledge(
    conn: AsyncConnection, attempt_id: UUID, notice: int | None, body: dict[str, Any] | None
) -> None:
    """Record that the student acknowledged this version of the notice, unless it is recorded already."""
    if notice is None:
        return
    if body is not None:
        await conn.execute(
            postgresql.insert(AcknowledgedNotice).values(version=notice, body=body).on_conflict_do_nothing()
        )
    # The first one counts: the student was promised its times.
    await conn.execute(
        update(ExamAttempt).where(ExamAttempt.id == attempt_id, ExamAttempt.notice.is_(None)).values(notice=notice)
    )
    data = {"version": notice}
    known = await conn.execute(
        select(
            exists()
            .where(EventStream.attempt_id == attempt_id, EventStream.kind == "system")
            .where(MonitoringEvent.stream_id == EventStream.id, MonitoringEvent.event_type == "notice_acknowledged")
            .where(MonitoringEvent.data_payload == data)
        )
    )
    if not known.scalar_one():
        await system_events.append_events(conn, attempt_id, [system_events.ServerEvent("notice_acknowledged", data)])
