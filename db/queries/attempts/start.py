"""Start attempts, and read what sockets and workers need to know about one.

Never ends an attempt, and never appends to a feed.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    Integer,
    Row,
    Uuid,
    any_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import Conflict, NotFound, NotOpen, RequestError
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
from db.queries.events.system_events import ServerEvent
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


class Starter(msgspec.Struct, frozen=True):
    """A student who starts an exam.

    `notice` is the version of the notice that the student acknowledged; it is recorded once. `notice_body` is its text,
    which is stored once for each version. `place_of` returns the place of the request for a new attempt
    (`db/queries/attempts/places.py`).
    """

    student_id: UUID
    notice: int | None = None
    notice_body: dict[str, Any] | None = None
    place_of: Callable[[UUID], str] | None = None


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


_now: Final = func.clock_timestamp()
_last: Final = (
    select(ExamAttempt.id, ExamAttempt.ix, ExamAttempt.status, ExamAttempt.deadline)
    .where(ExamAttempt.exam_id == Exam.id, ExamAttempt.student_id == ExamEnrollment.student_id)
    .order_by(ExamAttempt.ix.desc())
    .limit(1)
    .lateral("last")
)
_policy: Final = (
    select(ExamPolicy.id, cast(ExamPolicy.settings["rulebook"].astext, Integer).label("rulebook"))
    .where(ExamPolicy.exam_id == Exam.id)
    .order_by(ExamPolicy.version.desc())
    .limit(1)
    .lateral("policy")
)
_last_ix: Final = (
    select(func.coalesce(func.max(ExamAttempt.ix), 0)).where(ExamAttempt.exam_id == bindparam("exam")).scalar_subquery()
)
_LOOK_UP: Final = (
    select(
        ExamEnrollment.student_id,
        Exam.duration_minutes,
        Exam.items_version,
        Exam.enable_monitoring,
        Exam.opens_at,
        Exam.closes_at,
        (Exam.opens_at > _now).is_(True).label("is_early"),
        (Exam.closes_at <= _now).is_(True).label("is_late"),
        _policy.c.id.label("policy_id"),
        _policy.c.rulebook,
        _last.c.id.label("attempt_id"),
        _last.c.ix,
        _last.c.status,
        _last.c.deadline,
        _last_ix.label("last_ix"),
        _now.label("now"),
        func.now().label("began_at"),
    )
    .join(ExamEnrollment, ExamEnrollment.exam_id == Exam.id)
    .join(_policy, true())
    .outerjoin(_last, true())
    .where(
        Exam.id == bindparam("exam"),
        Exam.is_published,
        ExamEnrollment.student_id == any_(bindparam("students", type_=ARRAY(Uuid))),
        ExamEnrollment.removed_at.is_(None),
    )
)


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
    """Start or resume the attempt of one student, as `start_attempts` does. Raises NotFound, NotOpen and Conflict."""
    starter = Starter(student_id, notice, notice_body, place_of)
    started = (await start_attempts(conn, exam_id, [starter], rulebook_version=rulebook_version))[student_id]
    if isinstance(started, RequestError):
        raise started
    return started


async def start_attempts(
    conn: AsyncConnection, exam_id: UUID, starters: Sequence[Starter], *, rulebook_version: int
) -> dict[UUID, StartedAttempt | RequestError]:
    """Return the running attempt of each student, or start one with its cursor, system stream and first events.

    Executes the same few statements for any number of students, who are all different. The caller appends each `row` of
    the result to the exam's feed, in the same transaction.

    A new attempt keeps the newest items and policy of the exam, and the rulebook of that policy (`rulebook_version`
    when the policy names none).

    A student may be answered with NotFound unless the exam is published and the student is active and on its roster,
    NotOpen before it opens and after it closes, Conflict when the student has taken it already.
    """
    by_student = {starter.student_id: starter for starter in starters}
    found = await _look_up(conn, exam_id, by_student)
    outcomes = {student_id: _resume(exam_id, found.get(student_id)) for student_id in by_student}
    for student_id, outcome in outcomes.items():
        if isinstance(outcome, StartedAttempt):
            await _acknowledge(conn, outcome.attempt_id, by_student[student_id])
    new = [student_id for student_id, outcome in outcomes.items() if outcome is None]
    if new:
        outcomes.update(await _start_new(conn, exam_id, [by_student[one] for one in new], rulebook_version))
    return {student_id: outcome for student_id, outcome in outcomes.items() if outcome is not None}


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


async def _look_up(
    conn: AsyncConnection, exam_id: UUID, student_ids: Collection[UUID]
) -> dict[UUID, Row[*tuple[Any, ...]]]:
    """Read a published exam with the last attempts of these students, for those who are on its roster."""
    found = await conn.execute(_LOOK_UP, {"exam": exam_id, "students": list(student_ids)})
    return {row.student_id: row for row in found}


def _resume(exam_id: UUID, found: Row[*tuple[Any, ...]] | None) -> StartedAttempt | RequestError | None:
    """Return the running attempt; None when the student has no attempt."""
    if found is None:
        return NotFound(f"You have no exam {exam_id}.")
    if found.attempt_id is None:
        return None
    if found.status not in RUNNING:
        return Conflict("You have already taken this exam.")
    return StartedAttempt(found.attempt_id, found.ix, AttemptStatus(found.status), found.deadline, found.now)


async def _start_new(
    conn: AsyncConnection, exam_id: UUID, starters: Sequence[Starter], rulebook_version: int
) -> dict[UUID, StartedAttempt | RequestError]:
    """Start attempts of students who had none. One of them may have got one meanwhile, or the exam may be closed."""
    kept = await _keep_students(conn, [starter.student_id for starter in starters])
    # Attempts of one exam start one batch after the other, which makes `ix` and "at most one runs" correct. Everywhere
    # else the feed's head is locked last, so nothing after this may wait for another lock.
    await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == exam_id).with_for_update())
    # Again: the exam may have been unpublished or closed while this waited for the lock.
    found = await _look_up(conn, exam_id, kept)
    outcomes: dict[UUID, StartedAttempt | RequestError] = {}
    created: list[tuple[Starter, Row[*tuple[Any, ...]]]] = []
    for starter in starters:
        row = found.get(starter.student_id)
        outcome = _resume(exam_id, row) or _refuse_closed(row)
        if outcome is not None:
            outcomes[starter.student_id] = outcome
        elif row is not None:
            created.append((starter, row))
    for starter in starters:
        outcome = outcomes.get(starter.student_id)
        if isinstance(outcome, StartedAttempt):
            await _acknowledge(conn, outcome.attempt_id, starter)
    if created:
        outcomes.update(await _create(conn, exam_id, created, rulebook_version))
    return outcomes


async def _keep_students(conn: AsyncConnection, student_ids: Collection[UUID]) -> list[UUID]:
    """Keep active accounts from being erased until COMMIT: no attempt of an erased person runs. Return which."""
    kept = await conn.execute(
        select(User.id)
        .where(User.id.in_(student_ids), User.is_active)
        .order_by(User.id)
        .with_for_update(read=True, key_share=True)
    )
    return list(kept.scalars())


def _refuse_closed(exam: Row[*tuple[Any, ...]] | None) -> NotOpen | None:
    if exam is None:
        return None
    if exam.is_early:
        return NotOpen(f"The exam opens at {exam.opens_at:%Y-%m-%d %H:%M} UTC.")
    if exam.is_late:
        return NotOpen(f"The exam closed at {exam.closes_at:%Y-%m-%d %H:%M} UTC.")
    return None


async def _create(
    conn: AsyncConnection,
    exam_id: UUID,
    created: Sequence[tuple[Starter, Row[*tuple[Any, ...]]]],
    rulebook_version: int,
) -> dict[UUID, StartedAttempt]:
    """Store new attempts, each with its cursor, system stream and first events."""
    await _store_notices(conn, [starter for starter, _ in created])
    attempts, events, started = [], {}, {}
    for ix, (starter, exam) in enumerate(created, created[0][1].last_ix + 1):
        attempt_id, until = uuid7(), exam.began_at + timedelta(minutes=exam.duration_minutes)
        deadline = until if exam.closes_at is None else min(until, exam.closes_at)
        attempts.append(
            {
                "id": attempt_id,
                "exam_id": exam_id,
                "student_id": starter.student_id,
                "ix": ix,
                "status": AttemptStatus.IN_PROGRESS,
                "policy_id": exam.policy_id,
                # An attempt is evaluated with the rulebook that its policy was written for, not with a newer one.
                "rulebook_version": rulebook_version if exam.rulebook is None else exam.rulebook,
                "items_version": exam.items_version,
                "started_at": exam.began_at,
                "deadline": deadline,
                "notice": starter.notice,
            }
        )
        events[attempt_id] = _first_events(starter, attempt_id, is_monitored=exam.enable_monitoring)
        shown = AttemptRow(
            ix=ix,
            attempt_id=attempt_id,
            student_id=starter.student_id,
            status=AttemptStatus.IN_PROGRESS,
            deadline=to_ms(deadline),
        )
        started[starter.student_id] = StartedAttempt(
            attempt_id, ix, AttemptStatus.IN_PROGRESS, deadline, exam.began_at, shown
        )
    await conn.execute(insert(ExamAttempt), attempts)
    await conn.execute(insert(AnalysisCursor), [{"attempt_id": attempt_id} for attempt_id in events])
    await system_events.open_streams(conn, events, created[0][1].now)
    return started


def _first_events(starter: Starter, attempt_id: UUID, *, is_monitored: bool) -> list[ServerEvent]:
    place_of = starter.place_of
    data = {"place": place_of(attempt_id)} if place_of is not None and is_monitored else {}
    events = [ServerEvent("attempt_started", data)]
    if starter.notice is not None:
        events.append(ServerEvent("notice_acknowledged", {"version": starter.notice}))
    return events


async def _store_notices(conn: AsyncConnection, starters: Sequence[Starter]) -> None:
    """Store the text of each version of the notice once."""
    bodies = {one.notice: one.notice_body for one in starters if one.notice is not None and one.notice_body is not None}
    if bodies:
        rows = [{"version": version, "body": bodies[version]} for version in sorted(bodies)]
        await conn.execute(postgresql.insert(AcknowledgedNotice).on_conflict_do_nothing(), rows)


async def _acknowledge(conn: AsyncConnection, attempt_id: UUID, starter: Starter) -> None:
    """Record that the student acknowledged this version of the notice, unless it is recorded already."""
    if starter.notice is None:
        return
    await _store_notices(conn, [starter])
    # The first one counts: the student was promised its times.
    await conn.execute(
        update(ExamAttempt)
        .where(ExamAttempt.id == attempt_id, ExamAttempt.notice.is_(None))
        .values(notice=starter.notice)
    )
    data = {"version": starter.notice}
    known = await conn.execute(
        select(
            exists()
            .where(EventStream.attempt_id == attempt_id, EventStream.kind == "system")
            .where(MonitoringEvent.stream_id == EventStream.id, MonitoringEvent.event_type == "notice_acknowledged")
            .where(MonitoringEvent.data_payload == data)
        )
    )
    if not known.scalar_one():
        await system_events.append_events(conn, attempt_id, [ServerEvent("notice_acknowledged", data)])
