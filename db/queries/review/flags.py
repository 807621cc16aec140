"""Flags as reviewers read them: finding, evidence and reviews.

Never returns a flag of an exam that the user may not see, and never changes one.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BindParameter, Row, Select, Uuid, any_, bindparam, select, text, true
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, Flag, FlagReview, User
from db.queries import access
from db.queries.exams.rosters import shown_name
from protocol.flags import Evidence, FlagSource, FlagStatus, Severity
from protocol.roles import Permission, Role

MAY_READ: Final = (Permission.VIEW, Permission.REVIEW)
"""Either permission allows reading the flags of an exam."""

OF_ATTEMPT_MAX: Final = 500
"""The most flags that are read for one attempt. All of them are in the list of the exam."""


class StudentName(msgspec.Struct, frozen=True):
    """The student of an attempt."""

    student_id: UUID
    name: str


class FlagRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One flag in a line, with its last review; times in ms since the epoch."""

    flag_id: UUID
    attempt_id: UUID
    student: StudentName
    exam_id: UUID
    source: FlagSource
    rule: str
    severity: Severity
    confidence: float
    summary: str
    status: FlagStatus
    raised_at: int
    reviewed_by: str | None
    reason: str | None


class ReviewRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One review: reviewer, time, and the status before and after."""

    by: str
    at: int
    before: FlagStatus = msgspec.field(name="from")
    after: FlagStatus = msgspec.field(name="to")
    reason: str


class FlagCase(msgspec.Struct, frozen=True, kw_only=True):
    """One flag with its evidence and all reviews, the first one first."""

    record: FlagRecord
    rule_version: int
    policy_version: int
    evidence: Evidence
    reviews: list[ReviewRecord]


class CitedEvents(msgspec.Struct, frozen=True):
    """The events that one flag cites, as `(stream, number)`."""

    flag_id: UUID
    source: FlagSource
    status: FlagStatus
    severity: Severity
    events: list[tuple[UUID, int]]


class FlagFilter(msgspec.Struct, frozen=True):
    """A filter for the flags of an exam; None means any."""

    status: FlagStatus | None = None
    severity: Severity | None = None
    rule: str | None = None


async def list_exam_flags(
    conn: AsyncConnection,
    exam_id: UUID,
    *,
    user_id: UUID,
    wanted: FlagFilter,
    after: UUID | None = None,
    limit: int,
) -> list[FlagRecord]:
    """List the flags of an exam, the newest first, after the flag `after`. Raises NotFound and Forbidden."""
    await access.require(conn, exam_id, user_id, *MAY_READ)
    of_exam = _of_exam(exam_id)
    for column, value in ((Flag.status, wanted.status), (Flag.severity, wanted.severity), (Flag.rule, wanted.rule)):
        if value is not None:
            of_exam = of_exam.where(column == value)
    if after is not None:
        of_exam = of_exam.where(Flag.id < after)
    page = _select_only(_select_records(), of_exam.order_by(Flag.id.desc()).limit(limit)).order_by(Flag.id.desc())
    return [_record(row) for row in await conn.execute(page)]


async def list_undecided_flags(conn: AsyncConnection, user_id: UUID, role: Role, limit: int) -> list[FlagRecord]:
    """List the newest undecided flags above a note, of all exams whose flags the user may read.

    `role` is only for speed: the query checks the access.
    """
    statement = _RECENT if role is Role.ADMIN else _RECENT_OF_TEACHER
    found = await conn.execute(statement, {"user": user_id, "most": limit})
    return [_record(row) for row in found]


async def read_flag_case(conn: AsyncConnection, flag_id: UUID, user_id: UUID) -> FlagCase:
    """Read one flag with its evidence and reviews. Raises NotFound and Forbidden."""
    await access.require_for_flag(conn, flag_id, user_id, *MAY_READ)
    cases = await _read_cases(conn, _CASE, {"flag": flag_id})
    if not cases:
        raise NotFound(f"There is no flag {flag_id}.")
    return cases[0]


async def list_attempt_cases(conn: AsyncConnection, attempt_id: UUID) -> list[FlagCase]:
    """Read the flags of an attempt, in the order in which they were raised. The caller has checked the access."""
    return await _read_cases(conn, _CASES_OF_ATTEMPT, {"attempt": attempt_id})


async def read_cited_events(conn: AsyncConnection, attempt_id: UUID) -> list[CitedEvents]:
    """Read which events each flag of an attempt cites. The caller has checked the access."""
    found = await conn.execute(_CITED, {"attempt": attempt_id})
    return [
        CitedEvents(
            row.id,
            FlagSource(row.source),
            FlagStatus(row.status),
            Severity(row.severity),
            msgspec.convert(row.cited or [], list[tuple[UUID, int]]),
        )
        for row in found
    ]


async def list_exam_cases(conn: AsyncConnection, exam_id: UUID, *, after: UUID | None, limit: int) -> list[FlagCase]:
    """Read flags of an exam for its export, in the order in which they were raised, after the flag `after`."""
    return await _read_cases(conn, _CASES_OF_EXAM, {"exam": exam_id, "after": after or UUID(int=0), "most": limit})


def _select_records() -> Select[*tuple[Any, ...]]:
    reviewer = (
        select(FlagReview.reason, User.full_name.label("reviewer"))
        .join(User, User.id == FlagReview.reviewer_id)
        .where(FlagReview.flag_id == Flag.id)
        .order_by(FlagReview.reviewed_at.desc())
        .limit(1)
        .lateral("reviewer")
    )
    return (
        select(
            Flag.id,
            Flag.attempt_id,
            ExamAttempt.student_id,
            shown_name(ExamAttempt.exam_id, ExamAttempt.student_id).label("student_name"),
            ExamAttempt.exam_id,
            Flag.source,
            Flag.rule,
            Flag.severity,
            Flag.confidence,
            Flag.summary,
            Flag.status,
            Flag.raised_at,
            reviewer.c.reviewer,
            reviewer.c.reason,
        )
        .select_from(Flag)
        .join(ExamAttempt, ExamAttempt.id == Flag.attempt_id)
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .join(User, User.id == ExamAttempt.student_id)
        .outerjoin(reviewer, true())
    )


def _of_exam(exam_id: UUID | BindParameter[UUID]) -> Select[UUID]:
    return select(Flag.id).where(Flag.exam_id == exam_id)


def _select_only(records: Select[*tuple[Any, ...]], wanted: Select[UUID]) -> Select[*tuple[Any, ...]]:
    """Select only these flags, and find them before anything else.

    `wanted` has the limit, so that names and reviews are read for these flags only.
    """
    found = wanted.cte("found").prefix_with("MATERIALIZED")
    return records.join(found, found.c.id == Flag.id)


def _select_cases() -> Select[*tuple[Any, ...]]:
    return _select_records().add_columns(Flag.rule_version, Flag.policy_version, Flag.evidence)


async def _read_cases(conn: AsyncConnection, wanted: Select[*tuple[Any, ...]], about: dict[str, Any]) -> list[FlagCase]:
    rows = (await conn.execute(wanted, about)).all()
    reviews = await _read_reviews(conn, [row.id for row in rows])
    return [
        FlagCase(
            record=_record(row),
            rule_version=row.rule_version,
            policy_version=row.policy_version,
            evidence=msgspec.convert(row.evidence, Evidence),
            reviews=reviews.get(row.id, []),
        )
        for row in rows
    ]


async def _read_reviews(conn: AsyncConnection, flag_ids: Sequence[UUID]) -> dict[UUID, list[ReviewRecord]]:
    if not flag_ids:
        return {}
    found = await conn.execute(_REVIEWS, {"flags": list(flag_ids)})
    reviews: dict[UUID, list[ReviewRecord]] = {}
    for row in found:
        reviews.setdefault(row.flag_id, []).append(
            ReviewRecord(
                by=row.full_name,
                at=to_ms(row.reviewed_at),
                before=FlagStatus(row.from_status),
                after=FlagStatus(row.to_status),
                reason=row.reason,
            )
        )
    return reviews


def _record(row: Row[*tuple[Any, ...]]) -> FlagRecord:
    return FlagRecord(
        flag_id=row.id,
        attempt_id=row.attempt_id,
        student=StudentName(row.student_id, row.student_name),
        exam_id=row.exam_id,
        source=FlagSource(row.source),
        rule=row.rule,
        severity=Severity(row.severity),
        confidence=row.confidence,
        summary=row.summary,
        status=FlagStatus(row.status),
        raised_at=to_ms(row.raised_at),
        reviewed_by=row.reviewer,
        reason=row.reason,
    )


_CITED: Final = (
    select(Flag.id, Flag.source, Flag.status, Flag.severity, Flag.evidence["cited"].label("cited"))
    .where(Flag.attempt_id == bindparam("attempt"))
    .order_by(Flag.id)
)
_REVIEWS: Final = (
    select(
        FlagReview.flag_id,
        FlagReview.from_status,
        FlagReview.to_status,
        FlagReview.reason,
        FlagReview.reviewed_at,
        User.full_name,
    )
    .join(User, User.id == FlagReview.reviewer_id)
    .where(FlagReview.flag_id == any_(bindparam("flags", type_=ARRAY(PG_UUID))))
    .order_by(FlagReview.reviewed_at)
)
_CASE: Final = _select_cases().where(Flag.id == bindparam("flag"))
_CASES_OF_ATTEMPT: Final = (
    _select_cases().where(Flag.attempt_id == bindparam("attempt")).order_by(Flag.id).limit(OF_ATTEMPT_MAX)
)
_CASES_OF_EXAM: Final = _select_only(
    _select_cases(),
    _of_exam(bindparam("exam", type_=Uuid))
    .where(Flag.id > bindparam("after"))
    .order_by(Flag.id)
    .limit(bindparam("most")),
).order_by(Flag.id)
# With constants, so that the planner can use the partial indexes. An administrator sees the newest flags of all exams.
_IS_UNDECIDED: Final = text("flags.status IN ('open', 'escalated') AND flags.severity <> 'normal'")
_newest: Final = (
    select(Flag.id)
    .join(Exam, Exam.id == Flag.exam_id)
    .where(_IS_UNDECIDED, access.permits(bindparam("user", type_=Uuid), *MAY_READ))
    .order_by(Flag.raised_at.desc(), Flag.id.desc())
    .limit(bindparam("most"))
)
_RECENT: Final = _select_only(_select_records(), _newest).order_by(Flag.raised_at.desc(), Flag.id.desc())

# A teacher may read a few exams: the newest flags of each, and of these the newest.
_of_each: Final = (
    select(Flag.id, Flag.raised_at)
    .where(Flag.exam_id == Exam.id, _IS_UNDECIDED)
    .order_by(Flag.raised_at.desc(), Flag.id.desc())
    .limit(bindparam("most"))
    .correlate(Exam)
    .lateral("each")
)
_newest_of_teacher: Final = (
    select(_of_each.c.id)
    .select_from(Exam)
    .join(_of_each, true())
    .where(
        Exam.id.in_(access.near(bindparam("user", type_=Uuid))),
        access.permits(bindparam("user", type_=Uuid), *MAY_READ),
    )
    .order_by(_of_each.c.raised_at.desc(), _of_each.c.id.desc())
    .limit(bindparam("most"))
)
_RECENT_OF_TEACHER: Final = _select_only(_select_records(), _newest_of_teacher).order_by(
    Flag.raised_at.desc(), Flag.id.desc()
)
