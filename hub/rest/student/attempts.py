"""An attempt of one's own: while it runs all that is needed to go on from any machine, afterwards what came of it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries.attempts import answers
from db.queries.attempts.answers import Revision
from db.queries.attempts.end import Receipt
from db.queries.student import attempt_view
from db.queries.student import record as records
from db.queries.student.attempt_view import Owner, Paper, PaperExam, PaperItem
from db.queries.student.record import EventCount, Record, ShownFlag
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from hub.rest.student.dashboard import Integrity
from judgement.score.thresholds import name_integrity
from judgement.text.for_students import describe_record, explain_flag
from protocol.attempts import ShownStatus, show_status
from protocol.flags import FlagStatus, JudgedFlag, Severity

Rank = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
"""A revision's number, as a cursor may name it."""


class SavedAnswer(msgspec.Struct, frozen=True):
    """The answer to one item that stands; `saved_at`, ms since the epoch, is when it was stored."""

    value: Any
    revision: int
    saved_at: int


class AnswerRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of the answer to one item, and whether it is the one that stands."""

    item: str
    revision: int
    value: Any
    saved_at: int
    stands: bool


class RecordedFlag(msgspec.Struct, frozen=True, kw_only=True):
    """One flag a person has decided about, or of released results: what was seen, and what its rule is for."""

    rule: str
    name: str
    severity: Severity
    status: FlagStatus
    summary: str
    explanation: str
    at: int


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt, and what was recorded. Marks and integrity are null until results are released."""

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


class AttemptPaper(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, all times in ms since the epoch.

    `record` is what came of it: there once it has ended and was analysed, or a minute later.
    """

    attempt_id: UUID
    exam: PaperExam
    status: ShownStatus
    server_at: int
    started_at: int
    deadline: int | None
    completed_at: int | None
    items: list[PaperItem]
    answers: dict[str, SavedAnswer]
    receipt: Receipt | None
    record: RecordView | None


@get(
    "/exams/{attempt_id:uuid}",
    summary="Read an attempt",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_attempt(
    attempt_id: FromPath[UUID], engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]
) -> AttemptPaper:
    """Read an attempt of one's own: its items, saved answers and remaining time; afterwards receipt and record."""
    owner = Owner(principal.user_id, principal.exam_id)
    async with engine.connect() as conn:
        paper = await attempt_view.read_paper(conn, attempt_id, owner)
        record = await records.read_record(conn, attempt_id, owner)
    return _view(paper, record)


@get(
    "/exams/{attempt_id:uuid}/answers",
    summary="List the revisions of one's answers",
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
    """List every revision of every answer, item by item; one that came too late does not stand, and is kept."""
    place = read_cursor(after, tuple[str, Rank])
    owner = Owner(principal.user_id, principal.exam_id)
    async with engine.connect() as conn:
        await attempt_view.list_item_names(conn, attempt_id, owner)
        found = await answers.list_revisions(conn, attempt_id, after=place, limit=limit + 1)
    return make_page([_revision(one) for one in found], limit, lambda one: (one.item, one.revision))


def _view(paper: Paper, record: Record | None) -> AttemptPaper:
    return AttemptPaper(
        attempt_id=paper.attempt_id,
        exam=paper.exam,
        status=show_status(paper.status),
        server_at=paper.server_at,
        started_at=paper.started_at,
        deadline=paper.deadline,
        completed_at=paper.completed_at,
        items=paper.items,
        answers={item: SavedAnswer(one.value, one.revision, one.saved_at) for item, one in paper.answers.items()},
        receipt=paper.receipt,
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
            [JudgedFlag(one.rule, one.source, one.severity, one.confidence, one.status) for one in record.flags],
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


def _revision(one: Revision) -> AnswerRevision:
    return AnswerRevision(
        item=one.item, revision=one.revision, value=one.value, saved_at=one.saved_at, stands=one.stands
    )
