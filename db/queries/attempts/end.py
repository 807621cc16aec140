"""End attempts, in one transaction: status, answers, receipt, grades by key, an event, and a due analysis.

The caller decides whether an attempt may end. Never loses an answer, and never computes scores.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import Conflict, NotFound, RequestError
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


_attempts: Final = any_(bindparam("attempts", type_=ARRAY(Uuid)))
_LOCK: Final = (
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
    .where(ExamAttempt.id == _attempts)
    .order_by(ExamAttempt.id)
    .with_for_update(key_share=True)
)
_last: Final = (
    select(func.max(MonitoringEvent.seq).label("seq")).where(MonitoringEvent.stream_id == EventStream.id).lateral()
)
_LASTS: Final = (
    select(EventStream.attempt_id, EventStream.id, func.coalesce(_last.c.seq, 0))
    .join(_last, true())
    .where(EventStream.attempt_id == _attempts, EventStream.kind == "client")
    .order_by(EventStream.id)
)


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
    """End one attempt, as `end_attempts` does. Raises NotFound and Conflict."""
    ended = (await end_attempts(conn, {attempt_id: ending}, grading))[attempt_id]
    if isinstance(ended, RequestError):
        raise ended
    return ended


async def end_attempts(
    conn: AsyncConnection, endings: Mapping[UUID, Ending], grading: Grading
) -> dict[UUID, EndedAttempt | RequestError]:
    """End attempts. Of those that have ended already, only late answers are stored, as revisions that do not count.

    Executes the same few statements for any number of attempts, and locks them in the order of their ids. The caller
    appends each `row` to the feed in the same transaction. An attempt may be answered with NotFound when it does not
    match the ending, or Conflict when it neither runs nor has ended, or when there are new answers but its events are
    deleted; nothing is stored for it.
    """
    locked = await _lock(conn, endings)
    outcomes: dict[UUID, EndedAttempt | RequestError] = {}
    attempts: dict[UUID, Row[*tuple[Any, ...]]] = {}
    for attempt_id, ending in endings.items():
        attempt = locked.get(attempt_id)
        if attempt is None or not _matches(attempt, ending):
            outcomes[attempt_id] = NotFound(f"There is no attempt {attempt_id}.")
        elif attempt.receipt is None and attempt.status not in ending.sources:
            if ending.answers and attempt.events_deleted_at is not None:
                outcomes[attempt_id] = Conflict(answers.PAST_RETENTION)
                continue
            detail = f"An attempt with the status {attempt.status} cannot be ended this way."
            outcomes[attempt_id] = Conflict(detail)
        else:
            attempts[attempt_id] = attempt
    for attempt_id, refusal in (await _store_answers(conn, attempts, endings)).items():
        outcomes[attempt_id] = refusal
        del attempts[attempt_id]
    for attempt_id, attempt in attempts.items():
        if attempt.receipt is not None:
            receipt = msgspec.convert(attempt.receipt, Receipt)
            outcomes[attempt_id] = _ended(attempt, AttemptStatus(attempt.status), receipt, row=None)
    running = {attempt_id: attempts[attempt_id] for attempt_id in sorted(attempts.keys() - outcomes.keys())}
    if running:
        outcomes.update(await _end(conn, running, endings, grading))
    return outcomes


async def _lock(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, Row[*tuple[Any, ...]]]:
    """Lock the attempts until COMMIT, so that another request to end one finds it ended."""
    found = await conn.execute(_LOCK, {"attempts": list(attempt_ids)})
    return {row.id: row for row in found}


def _matches(attempt: Row[*tuple[Any, ...]], ending: Ending) -> bool:
    is_of_exam = ending.exam_id is None or attempt.exam_id == ending.exam_id
    return is_of_exam and (ending.student_id is None or attempt.student_id == ending.student_id)


async def _store_answers(
    conn: AsyncConnection, attempts: Mapping[UUID, Row[*tuple[Any, ...]]], endings: Mapping[UUID, Ending]
) -> dict[UUID, Conflict]:
    """Store the answers that came with the endings; return which attempts take no more answers."""
    given = {attempt_id: endings[attempt_id].answers for attempt_id in attempts if endings[attempt_id].answers}
    if not given:
        return {}
    new = await answers.find_new(conn, given)
    past = {attempt_id for attempt_id in new if attempts[attempt_id].events_deleted_at is not None}
    stored = {attempt_id: values for attempt_id, values in new.items() if attempt_id not in past}
    if stored:
        # All streams that this transaction appends to are locked here, in one order.
        await answers.store_new(conn, {attempt_id: stored.get(attempt_id, ()) for attempt_id in sorted(attempts)})
    return {attempt_id: Conflict(answers.PAST_RETENTION) for attempt_id in past}


async def _end(
    conn: AsyncConnection,
    running: Mapping[UUID, Row[*tuple[Any, ...]]],
    endings: Mapping[UUID, Ending],
    grading: Grading,
) -> dict[UUID, EndedAttempt]:
    """End locked attempts that run. The time is read after the lock, and the answers after the time."""
    now: datetime = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    current = await answers.read_current_of_each(conn, running)
    lasts = await _read_lasts(conn, running)
    items = await grades.read_item_sets(conn, {(one.exam_id, one.items_version) for one in running.values()})
    passing = await grades.read_passing_scores(conn, {one.exam_id for one in running.values()})
    ended, changes, points = {}, [], {}
    for attempt_id, attempt in running.items():
        target = endings[attempt_id].target
        receipt = _receipt(attempt_id, target, now, current[attempt_id], lasts[attempt_id])
        asked = items[attempt.exam_id, attempt.items_version]
        given = points[attempt_id] = grades.grade_items(asked, current[attempt_id], grading)
        most = sum_points(item.points for item in asked)
        marks = grading.add_up(list(given.values()), most, passing[attempt.exam_id])
        changes.append(
            {
                "attempt": attempt_id,
                "status": target,
                "completed_at": now,
                "duration_seconds": round((now - attempt.started_at).total_seconds()),
                "submission_data": _submission(current[attempt_id]),
                "receipt": msgspec.to_builtins(receipt),
                "grade_final_at": None if None in given.values() else now,
                **msgspec.structs.asdict(marks),
            }
        )
        ended[attempt_id] = _ended(attempt, target, receipt, row=_row(attempt, target, now))
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == bindparam("attempt")), changes)
    await grades.store_points_by_key(conn, points)
    await system_events.append_to_each(conn, {attempt_id: [endings[attempt_id].event] for attempt_id in running})
    await analyses.request_analyses(conn, running)
    return ended


async def _read_lasts(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, dict[UUID, int]]:
    """Read the last stored number of each of the client's streams."""
    lasts: dict[UUID, dict[UUID, int]] = {attempt_id: {} for attempt_id in attempt_ids}
    for attempt_id, stream_id, last in await conn.execute(_LASTS, {"attempts": list(attempt_ids)}):
        lasts[attempt_id][stream_id] = last
    return lasts


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
