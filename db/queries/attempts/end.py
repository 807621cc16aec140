"""End an attempt, in one transaction: status, answers, receipt, grades by key, an event, and a due analysis.

The caller decides whether an attempt may end. Never loses an answer, and never computes scores.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import Conflict, NotFound
from db.models import EventStream, ExamAttempt, MonitoringEvent
from db.queries.analysis import analyses
from db.queries.attempts import answers, grades
from db.queries.attempts.answers import COUNTED, Revision, SubmittedAnswer
from db.queries.attempts.grades import Grading
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent
from protocol.attempts import AttemptStatus, ShownStatus, show_status, sum_points
from protocol.console import AttemptRow

RESPONSES: Final = "responses"
"""The key of the answers in `submission_data`, by item."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The way to end an attempt: from one of the statuses `sources` (see `judgement.attempts`), with this event.

    `exam_id` and `student_id` are conditions on the attempt. `answers` are submitted with the end, and count.
    """

    sources: frozenset[AttemptStatus]
    target: AttemptStatus
    event: ServerEvent
    exam_id: UUID | None = None
    student_id: UUID | None = None
    answers: Sequence[SubmittedAnswer] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of a student: how many answers counted, how many events were stored, and a hash of both.

    `streams` are the last stored numbers of the client's streams, and `events` is their sum. `hash` is the SHA-256 of
    `{"answers": {item: value}, "streams": {stream: last}}` as JSON with sorted keys and no spaces.
    """

    attempt_id: UUID
    status: ShownStatus
    submitted_at: int
    answers: int
    events: int
    streams: dict[UUID, int]
    hash: str


class EndedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that has ended, now (`changed`) or before. `row` is for the feed, when something changed."""

    attempt_id: UUID
    exam_id: UUID
    student_id: UUID
    status: AttemptStatus
    receipt: Receipt
    changed: bool
    row: AttemptRow | None


async def end_attempt(conn: AsyncConnection, attempt_id: UUID, ending: Ending, grading: Grading) -> EndedAttempt:
    """End an attempt. When it has ended already, only late answers are stored, as revisions that do not count.

    The caller appends `row` to the feed in the same transaction, and ends several attempts in the order of their ids.
    Raises NotFound when no attempt matches the ending, Conflict when the attempt neither runs nor has ended, or when
    there are new answers but its events are deleted.
    """
    attempt = await _lock(conn, attempt_id, ending)
    if ending.answers:
        is_past = attempt.events_deleted_at is not None
        await answers.store_submitted(conn, attempt_id, ending.answers, is_past_retention=is_past)
    if attempt.receipt is not None:
        return _ended(attempt, AttemptStatus(attempt.status), msgspec.convert(attempt.receipt, Receipt), row=None)
    if attempt.status not in ending.sources:
        raise Conflict(f"An attempt with the status {attempt.status} cannot be ended this way.")
    now: datetime = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    current = await answers.read_current_answers(conn, attempt_id)
    receipt = _receipt(attempt_id, ending.target, now, current, await _read_lasts(conn, attempt_id))
    await conn.execute(
        update(ExamAttempt)
        .where(ExamAttempt.id == attempt_id)
        .values(
            status=ending.target,
            completed_at=now,
            duration_seconds=round((now - attempt.started_at).total_seconds()),
            submission_data=_submission(current),
            receipt=msgspec.to_builtins(receipt),
            **await _grade(conn, attempt, current, grading, now),
        )
    )
    await system_events.append_events(conn, attempt_id, [ending.event])
    await analyses.request_analysis(conn, attempt_id)
    return _ended(attempt, ending.target, receipt, row=_row(attempt, ending.target, now))


async def _lock(conn: AsyncConnection, attempt_id: UUID, ending: Ending) -> Row[*tuple[Any, ...]]:
    """Lock the attempt until COMMIT, so that another request to end it finds it ended."""
    found = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.exam_id,
            ExamAttempt.student_id,
            ExamAttempt.ix,
            ExamAttempt.status,
            ExamAttempt.items_version,
            ExamAttempt.started_at,
            ExamAttempt.deadline,
            ExamAttempt.receipt,
            ExamAttempt.waived_at,
            ExamAttempt.events_deleted_at,
        )
        .where(
            ExamAttempt.id == attempt_id,
            true() if ending.exam_id is None else ExamAttempt.exam_id == ending.exam_id,
            true() if ending.student_id is None else ExamAttempt.student_id == ending.student_id,
        )
        .with_for_update(key_share=True)
    )
    attempt = found.one_or_none()
    if attempt is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return attempt


async def _grade(
    conn: AsyncConnection,
    attempt: Row[*tuple[Any, ...]],
    current: Mapping[str, Revision],
    grading: Grading,
    now: datetime,
) -> dict[str, Any]:
    """Grade with the answer keys. The grade is final at once when every item has a key."""
    items = await grades.read_items(conn, attempt.exam_id, attempt.items_version)
    given = await grades.grade_by_keys(conn, attempt.id, items, current, grading)
    passing = await grades.read_passing_score(conn, attempt.exam_id)
    marks = grading.add_up(given, sum_points(item.points for item in items), passing)
    return {**msgspec.structs.asdict(marks), "grade_final_at": None if None in given else now}


async def _read_lasts(conn: AsyncConnection, attempt_id: UUID) -> dict[UUID, int]:
    """Read the last stored number of each of the client's streams."""
    last = (
        select(func.max(MonitoringEvent.seq).label("seq")).where(MonitoringEvent.stream_id == EventStream.id).lateral()
    )
    found = await conn.execute(
        select(EventStream.id, func.coalesce(last.c.seq, 0).label("last"))
        .join(last, true())
        .where(EventStream.attempt_id == attempt_id, EventStream.kind == "client")
        .order_by(EventStream.id)
    )
    return {row.id: row.last for row in found}


def _submission(current: Mapping[str, Revision]) -> dict[str, Any]:
    return {
        RESPONSES: {item: revision.value for item, revision in current.items()},
        COUNTED: {item: [str(revision.stream_id), revision.seq] for item, revision in current.items()},
    }


def _receipt(
    attempt_id: UUID, status: AttemptStatus, now: datetime, current: Mapping[str, Revision], lasts: dict[UUID, int]
) -> Receipt:
    values = {item: revision.value for item, revision in current.items()}
    content = {"answers": values, "streams": {str(stream): last for stream, last in lasts.items()}}
    return Receipt(
        attempt_id=attempt_id,
        status=show_status(status),
        submitted_at=to_ms(now),
        answers=len(values),
        events=sum(lasts.values()),
        streams=lasts,
        hash=sha256(msgspec.json.encode(content, order="sorted")).hexdigest(),
    )


def _row(attempt: Row[*tuple[Any, ...]], status: AttemptStatus, now: datetime) -> AttemptRow:
    return AttemptRow(
        ix=attempt.ix,
        attempt_id=attempt.id,
        student_id=attempt.student_id,
        status=status,
        deadline=None if attempt.deadline is None else to_ms(attempt.deadline),
        completed_at=to_ms(now),
        waived=attempt.waived_at is not None,
    )


def _ended(
    attempt: Row[*tuple[Any, ...]], status: AttemptStatus, receipt: Receipt, *, row: AttemptRow | None
) -> EndedAttempt:
    return EndedAttempt(
        attempt_id=attempt.id,
        exam_id=attempt.exam_id,
        student_id=attempt.student_id,
        status=status,
        receipt=receipt,
        changed=row is not None,
        row=row,
    )
