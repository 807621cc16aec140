"""The record of an ended attempt, as far as its student may see it.

Never reads labels. Shows flags with a review, and the other flags of rules once results are released; flags of a model
or a service only after a review.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import BehaviorAnalysis, EventStream, Exam, ExamAttempt, Flag, MonitoringEvent
from db.queries.student.attempt_view import OWNED, Owner
from protocol.analysis import AnalysisState
from protocol.flags import DECIDED, FlagSource, FlagStatus, Severity

CONCLUDED_S: Final = 60
"""How long the record waits for the first analysis, in seconds. Then it is shown without one."""


class ShownFlag(msgspec.Struct, frozen=True, kw_only=True):
    """One flag as its student sees it. `at`, ms since the epoch, is when the last cited event was stored."""

    source: FlagSource
    rule: str
    severity: Severity
    confidence: float
    status: FlagStatus
    summary: str
    at: int


class EventCount(msgspec.Struct, frozen=True):
    """The number of events of a type, and when the first and the last one were stored, in ms since the epoch."""

    event_type: str
    count: int
    first_at: int
    last_at: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One ended attempt.

    `is_decided`: no flag above a note is undecided. `is_concluded`: it was analyzed, or the wait is over.
    """

    score: float | None
    max_score: float | None
    percentage: float | None
    passed: bool | None
    grade_final: bool
    released: bool
    integrity: float | None
    coverage: float | None
    rulebook_version: int
    is_decided: bool
    is_concluded: bool
    flags: list[ShownFlag]
    recorded: list[EventCount]


async def read_record(conn: AsyncConnection, attempt_id: UUID, owner: Owner) -> Record | None:
    """Read the record of an attempt of its owner; None while it runs, or when it belongs to another student."""
    row = await _read_attempt(conn, attempt_id, owner)
    if row is None:
        return None
    released = row.results_released_at is not None
    return Record(
        score=row.score,
        max_score=row.max_score,
        percentage=row.percentage,
        passed=row.passed,
        grade_final=row.grade_final_at is not None,
        released=released,
        integrity=row.integrity_score,
        coverage=row.coverage,
        rulebook_version=row.rulebook_version,
        is_decided=row.waiting == 0,
        is_concluded=row.is_concluded,
        flags=await _read_flags(conn, attempt_id, released=released),
        recorded=await _count_events(conn, attempt_id),
    )


async def _read_attempt(conn: AsyncConnection, attempt_id: UUID, owner: Owner) -> Row[*tuple[Any, ...]] | None:
    waiting = (
        select(func.count())
        .where(Flag.attempt_id == ExamAttempt.id, Flag.status.not_in(DECIDED), Flag.severity != Severity.NORMAL)
        .correlate(ExamAttempt)
        .scalar_subquery()
    )
    concluded = or_(
        BehaviorAnalysis.revision > 0,
        BehaviorAnalysis.state == AnalysisState.FAILED,
        ExamAttempt.completed_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, CONCLUDED_S),
    )
    found = await conn.execute(
        select(
            ExamAttempt.score,
            ExamAttempt.max_score,
            ExamAttempt.percentage,
            ExamAttempt.passed,
            ExamAttempt.grade_final_at,
            ExamAttempt.integrity_score,
            ExamAttempt.coverage,
            ExamAttempt.rulebook_version,
            Exam.results_released_at,
            waiting.label("waiting"),
            func.coalesce(concluded, False).label("is_concluded"),
        )
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .outerjoin(BehaviorAnalysis, BehaviorAnalysis.attempt_id == ExamAttempt.id)
        .where(ExamAttempt.id == attempt_id, OWNED, ExamAttempt.completed_at.is_not(None)),
        owner.parameters(),
    )
    return found.one_or_none()


async def _read_flags(conn: AsyncConnection, attempt_id: UUID, *, released: bool) -> list[ShownFlag]:
    decided = Flag.status.in_(DECIDED)
    shown = or_(decided, Flag.source.in_((FlagSource.RULE, FlagSource.TEACHER))) if released else decided
    at = func.coalesce(Flag.last_fact_at, Flag.raised_at)
    found = await conn.execute(
        select(Flag.source, Flag.rule, Flag.severity, Flag.confidence, Flag.status, Flag.summary, at.label("at"))
        .where(and_(Flag.attempt_id == attempt_id, shown))
        .order_by(at, Flag.id)
    )
    return [
        ShownFlag(
            source=FlagSource(row.source),
            rule=row.rule,
            severity=Severity(row.severity),
            confidence=row.confidence,
            status=FlagStatus(row.status),
            summary=row.summary,
            at=to_ms(row.at),
        )
        for row in found
    ]


async def _count_events(conn: AsyncConnection, attempt_id: UUID) -> list[EventCount]:
    streams = select(EventStream.id).where(EventStream.attempt_id == attempt_id)
    stored = MonitoringEvent.server_timestamp
    found = await conn.execute(
        select(
            MonitoringEvent.event_type,
            func.count().label("count_of_type"),
            func.min(stored).label("first"),
            func.max(stored).label("last"),
        )
        .where(MonitoringEvent.stream_id.in_(streams))
        .group_by(MonitoringEvent.event_type)
        .order_by(MonitoringEvent.event_type)
    )
    return [EventCount(row.event_type, row.count_of_type, to_ms(row.first), to_ms(row.last)) for row in found]
