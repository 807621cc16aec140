"""Analyses of ended attempts: which are due, their input, and their results.

The input of an analysis is the attempt's events, flags and marks: a transaction that changes one of these calls
`mark_stale`. Locks are taken in one order: the attempt's cursor, the attempt, its analysis. Never computes a result.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import AnalysisCursor, BehaviorAnalysis, Exam, ExamAttempt, ExamPolicy, Flag
from db.queries.evaluation.cursors import is_among, is_supported
from protocol.analysis import AnalysisState, DropoutLabel, ModelState, Trend
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity

FAILURES: Final = 5
"""After this many failures in a row an analysis is shown as failed. It is still tried, rarely."""

BACKOFF_S: Final = 2.0
SELDOM_S: Final = 3600.0
ERROR_CHARS: Final = 200


_HAS_EVENTS: Final = ExamAttempt.events_deleted_at.is_(None)
"""Without its events, a waiting analysis would replace figures by those of an attempt without events."""


class AnalysisResult(msgspec.Struct, frozen=True, kw_only=True):
    """The results of an analysis, as stored."""

    anomaly_count: int
    critical_events: int
    integrity_score: float | None
    coverage: float | None
    lmi_score: float | None
    improvement_trend: Trend | None
    dropout_label: DropoutLabel | None
    dropout_confidence: float | None
    requires_instructor_attention: bool
    requires_recap: bool


class AnalysisTexts(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of an analysis, and who wrote them (`llm_model_version`)."""

    llm_summary: str
    llm_recommendations: list[dict[str, Any]]
    originality_indicators: list[dict[str, Any]]
    llm_model_version: str


class ClaimedAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed analysis: policy and rulebook of its attempt, how far it is folded, and the stored results."""

    attempt_id: UUID
    exam_id: UUID
    student_id: UUID
    rulebook_version: int
    policy: dict[str, Any]
    passed: bool | None
    enable_model: bool
    facts: int
    revision: int
    model_state: ModelState
    verdict: AnalysisResult
    words: AnalysisTexts


class Backlog(msgspec.Struct, frozen=True):
    """How many analyses wait, how many of these have failed, and how long the oldest has been due."""

    waiting: int
    failed: int
    lag_s: float


class AttemptFlags(msgspec.Struct, frozen=True):
    """The flags of an attempt, and how many events are cited by flags that count, and by critical ones of these."""

    flags: list[JudgedFlag]
    anomalies: int
    critical: int


async def request_analyses(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> None:
    """Request the analysis of ended attempts, also when they were analyzed before."""
    rows = [{"attempt_id": attempt_id} for attempt_id in attempt_ids]
    await conn.execute(insert(BehaviorAnalysis).on_conflict_do_nothing(), rows)
    await mark_stale(conn, attempt_ids)


async def mark_stale(conn: AsyncConnection, attempt_ids: Collection[UUID], *, after_s: float = 0.0) -> None:
    """Request a new analysis of these attempts, due in `after_s` seconds.

    Attempts without an analysis are left out, and those whose events are deleted: they cannot be analyzed again.

    Locks the attempts before their analyses. The caller may hold their cursors, and must not hold a feed head.
    """
    if not attempt_ids:
        return
    is_concluded = BehaviorAnalysis.state.in_([AnalysisState.DONE, AnalysisState.FAILED])
    concluded = select(BehaviorAnalysis.attempt_id).where(
        is_among(BehaviorAnalysis.attempt_id, attempt_ids), is_concluded
    )
    locked = await conn.execute(
        select(ExamAttempt.id)
        .where(ExamAttempt.id.in_(concluded), ExamAttempt.events_deleted_at.is_(None))
        .order_by(ExamAttempt.id)
        .with_for_update(key_share=True)
    )
    stale = list(locked.scalars())
    if stale:
        await conn.execute(
            update(BehaviorAnalysis)
            .where(is_among(BehaviorAnalysis.attempt_id, stale), is_concluded)
            .values(
                state=AnalysisState.STALE,
                failures=0,
                error=None,
                due_at=func.clock_timestamp() + timedelta(seconds=after_s),
            )
        )


async def list_due(conn: AsyncConnection, limit: int, *, supported: Collection[int]) -> list[UUID]:
    """List attempts whose analysis is due and whose rulebook this worker has, the longest waiting first."""
    found = await conn.execute(
        select(BehaviorAnalysis.attempt_id)
        .join(ExamAttempt, ExamAttempt.id == BehaviorAnalysis.attempt_id)
        .where(_is_due(), is_supported(supported), _HAS_EVENTS)
        .order_by(BehaviorAnalysis.due_at)
        .limit(limit)
    )
    return list(found.scalars())


async def measure_backlog(conn: AsyncConnection) -> Backlog:
    """Measure the backlog. A postponed analysis counts as waiting, not as late."""
    lag = func.extract("epoch", func.clock_timestamp() - func.min(BehaviorAnalysis.due_at))
    found = await conn.execute(
        select(
            func.count(),
            func.count().filter(BehaviorAnalysis.state == AnalysisState.FAILED),
            func.greatest(func.coalesce(lag, 0), 0),
        )
        .join(ExamAttempt, ExamAttempt.id == BehaviorAnalysis.attempt_id)
        .where(BehaviorAnalysis.state != AnalysisState.DONE, _HAS_EVENTS)
    )
    waiting, failed, lag_s = found.one()
    return Backlog(waiting, failed, float(lag_s))


async def claim_analysis(
    conn: AsyncConnection, attempt_id: UUID, *, supported: Collection[int]
) -> ClaimedAnalysis | None:
    """Lock an attempt's cursor, the attempt and its analysis until COMMIT, without waiting.

    None when it is not due, its rulebook is not supported, or another process has locked it.
    """
    found = await conn.execute(
        select(
            BehaviorAnalysis.attempt_id,
            ExamAttempt.exam_id,
            ExamAttempt.student_id,
            ExamAttempt.rulebook_version,
            ExamPolicy.settings.label("policy"),
            ExamAttempt.passed,
            Exam.enable_model,
            AnalysisCursor.facts,
            BehaviorAnalysis.revision,
            BehaviorAnalysis.model_state,
            *_VERDICT,
            *_WORDS,
        )
        .join(AnalysisCursor, AnalysisCursor.attempt_id == BehaviorAnalysis.attempt_id)
        .join(ExamAttempt, ExamAttempt.id == BehaviorAnalysis.attempt_id)
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(BehaviorAnalysis.attempt_id == attempt_id, _is_due(), is_supported(supported), _HAS_EVENTS)
        .with_for_update(key_share=True, skip_locked=True, of=[AnalysisCursor, ExamAttempt, BehaviorAnalysis])
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    verdict, words = msgspec.convert(dict(row), AnalysisResult), msgspec.convert(dict(row), AnalysisTexts)
    return msgspec.convert({**row, "verdict": verdict, "words": words}, ClaimedAnalysis)


async def count_events(conn: AsyncConnection, attempt_id: UUID) -> int:
    """Count the folded events of an attempt."""
    found = await conn.execute(select(AnalysisCursor.facts).where(AnalysisCursor.attempt_id == attempt_id))
    return found.scalar_one_or_none() or 0


async def read_flags(conn: AsyncConnection, attempt_id: UUID) -> AttemptFlags:
    """Read all flags of an attempt from all sources, in the order in which they were raised."""
    found = await conn.execute(
        select(Flag.rule, Flag.source, Flag.severity, Flag.confidence, Flag.status, Flag.evidence["cited"])
        .where(Flag.attempt_id == attempt_id)
        .order_by(Flag.id)
    )
    flags: list[JudgedFlag] = []
    anomalies: set[tuple[str, int]] = set()
    critical: set[tuple[str, int]] = set()
    for rule, source, severity, confidence, status, cited in found:
        flag = JudgedFlag(rule, FlagSource(source), Severity(severity), confidence, FlagStatus(status))
        flags.append(flag)
        events = {(stream, seq) for stream, seq in cited or ()}
        if flag.is_counted and flag.severity is not Severity.NORMAL:
            anomalies |= events
        if flag.is_counted and flag.severity is Severity.CRITICAL:
            critical |= events
    return AttemptFlags(flags, len(anomalies), len(critical))


async def store_analysis(
    conn: AsyncConnection,
    claim: ClaimedAnalysis,
    verdict: AnalysisResult,
    words: AnalysisTexts,
    model_state: ModelState,
    revision: int,
) -> None:
    """Store the results of a claimed analysis, also those that are stored with the attempt."""
    await conn.execute(
        update(BehaviorAnalysis)
        .where(BehaviorAnalysis.attempt_id == claim.attempt_id)
        .values(
            **msgspec.structs.asdict(verdict),
            **msgspec.structs.asdict(words),
            state=AnalysisState.DONE,
            model_state=model_state,
            revision=revision,
            facts=claim.facts,
            total_monitoring_events=claim.facts,
            failures=0,
            error=None,
            due_at=func.clock_timestamp(),
            analysed_at=func.clock_timestamp(),
        )
    )
    shown = {
        "lmi": verdict.lmi_score,
        "dropout_label": verdict.dropout_label,
        "flagged": verdict.requires_instructor_attention,
    }
    differs = [getattr(ExamAttempt, name).is_distinct_from(value) for name, value in shown.items()]
    await conn.execute(
        update(ExamAttempt)
        .where(ExamAttempt.id == claim.attempt_id, differs[0] | differs[1] | differs[2])
        .values(shown)
    )


async def postpone_analysis(conn: AsyncConnection, attempt_id: UUID, after_s: float) -> None:
    """Make an analysis due again in `after_s` seconds, because some of its input is still missing."""
    await conn.execute(
        update(BehaviorAnalysis)
        .where(BehaviorAnalysis.attempt_id == attempt_id)
        .values(due_at=func.clock_timestamp() + timedelta(seconds=after_s))
    )


async def record_failure(conn: AsyncConnection, attempt_id: UUID, error: str) -> None:
    """Count a failure of a due analysis, with the reason; the pause before the next try doubles.

    From `FAILURES` failures on it is shown as failed, and tried every `SELDOM_S`.
    """
    found = await conn.execute(
        select(BehaviorAnalysis.failures)
        .where(BehaviorAnalysis.attempt_id == attempt_id, _is_due())
        .with_for_update(key_share=True)
    )
    failures = found.scalar_one_or_none()
    if failures is None:
        return
    has_failed = failures + 1 >= FAILURES
    values: dict[str, Any] = {"state": AnalysisState.FAILED} if has_failed else {}
    after_s = SELDOM_S if has_failed else BACKOFF_S * 2**failures
    await conn.execute(
        update(BehaviorAnalysis)
        .where(BehaviorAnalysis.attempt_id == attempt_id)
        .values(
            failures=failures + 1,
            error=error[:ERROR_CHARS],
            due_at=func.clock_timestamp() + timedelta(seconds=after_s),
            **values,
        )
    )


def _is_due() -> Any:
    return (BehaviorAnalysis.state != AnalysisState.DONE) & (BehaviorAnalysis.due_at <= func.clock_timestamp())


_VERDICT: Final = tuple(getattr(BehaviorAnalysis, name) for name in AnalysisResult.__struct_fields__)
_WORDS: Final = tuple(getattr(BehaviorAnalysis, name) for name in AnalysisTexts.__struct_fields__)
