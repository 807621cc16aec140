"""Read an attempt of the student: to resume it on any computer while it runs, and to see its results afterwards.

Marks and integrity must never be shown before the results are released.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import Forbidden, NotFound
from db.queries.attempts import answers, places
from db.queries.attempts.answers import LateAnswer, Revision
from db.queries.attempts.end import Receipt
from db.queries.student import attempt_view
from db.queries.student.attempt_view import Owner, Paper, PaperExam, PaperItem
from db.queries.student.record import EventCount, Record, ShownFlag, read_record
from db.unit import change
from hub.auth.guards import BEARER, Principal, attempt_place
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from hub.rest.student.dashboard import Integrity
from hub.settings import HubSettings
from judgement.score.thresholds import name_integrity
from judgement.text.for_students import describe_record, explain_flag
from protocol.attempts import ShownStatus, show_status
from protocol.flags import FlagStatus, JudgedFlag, Severity

Rank = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
"""The number of a revision in a cursor."""


class SavedAnswer(msgspec.Struct, frozen=True):
    """The answer to one item that counts. `saved_at` is when it was stored, in ms since the epoch.

    `stream` is where it came from: a client's stream, or the attempt's own for an answer of a submission.
    """

    value: Any
    revision: int
    saved_at: int
    stream: UUID


class AnswerRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of the answer to one item. `stands` is whether this revision counts."""

    item: str
    revision: int
    value: Any
    saved_at: int
    stands: bool


class RecordedFlag(msgspec.Struct, frozen=True, kw_only=True):
    """One flag with a decision, or of released results: what was recorded, and what its rule is for."""

    rule: str
    name: str
    severity: Severity
    status: FlagStatus
    summary: str
    explanation: str
    at: int


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an attempt and what was recorded. Marks and integrity are null until results are released."""

    score: float | None
    max_score: float | None
    percentage: float | None
    passed: bool | None
    grade_final: bool
    released: bool
    integrity: Integrity
    coverage: float | None
    summary: str
    flags: list[RecordedFlag]
    recorded: list[EventCount]


PaperState = Literal["shown", "stream_required"]


class StudentAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. All times are in ms since the epoch.

    `paper` is `stream_required` while the attempt runs at a monitored exam and no client of it is connected: then
    `items` and `answers` are empty. Connect first, and read it again, or ask your invigilator. `late` lists the answers
    that arrived after the end and do not count by themselves. `record` is its result. It is null until the attempt has
    ended and was analyzed, or for a minute if that takes long.
    """

    attempt_id: UUID
    exam: PaperExam
    status: ShownStatus
    server_at: int
    started_at: int
    deadline: int | None
    completed_at: int | None
    paper: PaperState
    items: list[PaperItem]
    answers: dict[str, SavedAnswer]
    late: list[LateAnswer]
    receipt: Receipt | None
    record: RecordView | None


@get(
    "/exams/{attempt_id:uuid}",
    summary="Read an attempt",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_attempt(
    request: AnyRequest,
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
) -> StudentAttempt:
    """Read your attempt: items, saved answers and remaining time, and after the end the receipt and the result.

    While a monitored attempt runs, its items are shown only while a client of it is connected, or after an invigilator
    has waived that. Reading them is recorded.
    """
    owner = Owner(principal.user_id, principal.exam_id, principal.may_sit)
    place = attempt_place(request, attempt_id, settings.keys.data)
    async with reading(engine) as conn:
        attempt = await attempt_view.read_attempt_view(conn, attempt_id, owner)
        record = await read_record(conn, attempt_id, owner)
        is_new_read = attempt.is_watched and not await places.is_read_recorded(conn, attempt_id, place)
    if is_new_read:
        async with change(engine, None) as unit:
            await places.record_read(unit.conn, attempt_id, place)
    return _view(attempt, record)


@get(
    "/exams/{attempt_id:uuid}/answers",
    summary="List the revisions of your answers",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_answers(
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AnswerRevision]:
    """List all revisions of all answers, by item. A revision that came too late is kept, but does not count."""
    last = read_cursor(after, tuple[str, Rank])
    owner = Owner(principal.user_id, principal.exam_id, principal.may_sit)
    async with reading(engine) as conn:
        await attempt_view.list_item_names(conn, attempt_id, owner)
        found = await answers.list_revisions(conn, attempt_id, after=last, limit=limit + 1)
    return make_page(
        [_show(revision) for revision in found], limit, lambda revision: (revision.item, revision.revision)
    )


def _view(attempt: Paper, record: Record | None) -> StudentAttempt:
    return StudentAttempt(
        attempt_id=attempt.attempt_id,
        exam=attempt.exam,
        status=show_status(attempt.status),
        server_at=attempt.server_at,
        started_at=attempt.started_at,
        deadline=attempt.deadline,
        completed_at=attempt.completed_at,
        paper="stream_required" if attempt.needs_stream else "shown",
        items=attempt.items,
        answers={
            item: SavedAnswer(answer.value, answer.revision, answer.saved_at, answer.stream_id)
            for item, answer in attempt.answers.items()
        },
        late=attempt.late,
        receipt=attempt.receipt,
        record=None if record is None or not record.is_concluded else _record(record),
    )


def _record(record: Record) -> RecordView:
    is_shown = record.released
    integrity = record.integrity if is_shown else None
    return RecordView(
        score=record.score if is_shown else None,
        max_score=record.max_score,
        percentage=record.percentage if is_shown else None,
        passed=record.passed if is_shown else None,
        grade_final=record.grade_final,
        released=record.released,
        integrity=Integrity(integrity, name_integrity(integrity)),
        coverage=record.coverage,
        summary=describe_record(
            [JudgedFlag(flag.rule, flag.source, flag.severity, flag.confidence, flag.status) for flag in record.flags],
            is_decided=record.is_decided,
            coverage=record.coverage,
            is_final=record.grade_final,
            is_released=record.released,
        ),
        flags=[_flag(flag, record.rulebook_version) for flag in record.flags],
        recorded=record.recorded,
    )


def _flag(flag: ShownFlag, rulebook_version: int) -> RecordedFlag:
    name, explanation = explain_flag(flag.source, flag.rule, rulebook_version)
    return RecordedFlag(
        rule=flag.rule,
        name=name,
        severity=flag.severity,
        status=flag.status,
        summary=flag.summary,
        explanation=explanation,
        at=flag.at,
    )


def _show(revision: Revision) -> AnswerRevision:
    return AnswerRevision(
        item=revision.item,
        revision=revision.revision,
        value=revision.value,
        saved_at=revision.saved_at,
        stands=revision.stands,
    )
