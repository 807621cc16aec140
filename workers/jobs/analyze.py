"""Analyze attempts after their end: load, compute, store, notify. It contains no formulas.

One transaction has the analysis, the values beside the attempt's scores, the student's figures and the feed rows. The
rows of `behavior_analysis` that are due say what is to be done, so a process that ends early loses nothing, and a job
only says that there are some. The model's summary is enqueued here and written elsewhere.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.notify import Notifier
from db.queries.analysis import analyses, drafts
from db.queries.analysis.analyses import AnalysisResult, AnalysisTexts, AttemptFlags, ClaimedAnalysis
from db.queries.evaluation import scores, worklist
from db.unit import Unit, change
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.conclusion import Conclusion, ConclusionInput, conclude
from judgement.score.momentum import Momentum, compute_momentum
from judgement.score.scoring import score_attempt
from judgement.text.for_teachers import VERSION, Sentence
from protocol.analysis import ModelState
from protocol.jobs import Analyze
from workers import metrics
from workers.jobs.evaluate import Evaluator
from workers.jobs.performance import update_performance
from workers.quarantine import blames_data, describe

log = structlog.get_logger(__name__)

PAGE: Final = 100
"""The most due analyses that are read at a time."""

UNFOLDED_S: Final = 1.0
"""How long an analysis is postponed while events of its attempt wait for a fold."""

REST_S: Final = 0.01
"""The pause after each analysis of several, so that at the bell folds, flags and hubs come first."""

UNFOLDABLE_MS: Final = 120_000
"""Events that have waited this long for a fold will not be folded without help."""

_UNFOLDED: Final = "events are waiting that cannot be folded"


class DraftAnalysis(msgspec.Struct, frozen=True):
    """The momentum of an attempt's drafts, and the number of folded events that they were read at."""

    event_count: int
    momentum: Momentum


class Analyst:
    """Analyzes ended attempts, and analyzes them again after a change. One for all jobs and polls of a process."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        evaluator: Evaluator,
        rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._evaluator = evaluator
        self._supported = frozenset(rulebooks)
        self._score = partial(score_attempt, rulebooks=rulebooks)
        self._is_finishing = False
        self.on_job: Callable[[], None] = lambda: None
        """Called for each job: wakes the task that runs `poll`."""

    def finish(self) -> None:
        """Stop after the transactions that are running."""
        self._is_finishing = True

    async def handle(self, _ctx: object, payload: object) -> None:
        """Run the job `protocol.jobs.ANALYZE`: wake the poll, which finds what is due.

        When a hall hands in, jobs that analyze would delay the jobs of those who still write. Raises
        msgspec.ValidationError if the payload does not fit.
        """
        msgspec.convert(payload, Analyze)
        self.on_job()

    async def poll(self) -> None:
        """Make all analyses that are due. Raises AWAY errors."""
        seen: set[UUID] = set()
        while not self._is_finishing:
            async with self._engine.connect() as conn:
                backlog = await analyses.measure_backlog(conn)
                due = await analyses.list_due(conn, PAGE, supported=self._supported)
            metrics.ANALYSES_WAITING.set(backlog.waiting)
            metrics.ANALYSES_FAILED.set(backlog.failed)
            metrics.ANALYSIS_LAG.set(backlog.lag_s)
            new = [attempt_id for attempt_id in due if attempt_id not in seen]
            if not new:
                return
            seen.update(new)
            await self.analyze(new)

    async def analyze(self, attempts: Collection[UUID]) -> None:
        """Fold the waiting events of these attempts, then make the due analyses that no other worker has claimed.

        Raises AWAY errors.
        """
        await self._evaluator.evaluate(attempts)
        for attempt_id in attempts:
            if self._is_finishing:
                break
            if await self._analyze_or_fail(attempt_id):
                metrics.ANALYSES.labels(outcome="done").inc()
            if len(attempts) > 1:
                await asyncio.sleep(REST_S)

    async def _analyze_or_fail(self, attempt_id: UUID) -> bool:
        """Analyze one attempt. If its own data make that fail, count the failure and try again later."""
        try:
            drafted = await self._analyze_drafts(attempt_id)
            async with change(self._engine, self._notifier) as unit:
                claim = await analyses.claim_analysis(unit.conn, attempt_id, supported=self._supported)
                return False if claim is None else await self._analyze(unit, claim, drafted)
        except Exception as error:
            if not blames_data(error):
                raise
            async with self._engine.begin() as conn:
                await self._fail(conn, attempt_id, describe(error))
            return False

    async def _analyze_drafts(self, attempt_id: UUID) -> DraftAnalysis:
        """Compute the momentum without locks and in a thread: long drafts take a while to compare."""
        async with self._engine.connect() as conn:
            event_count = await analyses.count_events(conn, attempt_id)
            texts = await drafts.read_drafts(conn, attempt_id)
            pastes = await drafts.read_pastes(conn, attempt_id)
        return DraftAnalysis(event_count, await asyncio.to_thread(compute_momentum, texts, pastes))

    async def _analyze(self, unit: Unit, claim: ClaimedAnalysis, drafted: DraftAnalysis) -> bool:
        """Compute and store. Postpone it if new events arrived or wait for a fold. Return whether it was stored."""
        conn = unit.conn
        waiting = await worklist.find_unfolded(conn, [claim.attempt_id], supported=self._supported)
        if waiting and waiting[0].lag_ms > UNFOLDABLE_MS:
            await self._fail(conn, claim.attempt_id, _UNFOLDED)
            return False
        if waiting or claim.facts != drafted.event_count:
            await analyses.postpone_analysis(conn, claim.attempt_id, UNFOLDED_S)
            return False
        unit.feed(claim.exam_id, await scores.rescore_all(conn, [claim.attempt_id], self._score))
        flags = await analyses.read_flags(conn, claim.attempt_id)
        score = await scores.read_score(conn, claim.attempt_id)
        given = ConclusionInput(score=score, flags=flags.flags, momentum=drafted.momentum, passed=claim.passed)
        if await _store(conn, claim, conclude(given), flags) is ModelState.PENDING:
            unit.enqueue_llm_summary([claim.attempt_id])
        await update_performance(conn, [claim.student_id])
        return True

    async def _fail(self, conn: AsyncConnection, attempt_id: UUID, error: str) -> None:
        await analyses.record_failure(conn, attempt_id, error)
        metrics.ANALYSES.labels(outcome="failed").inc()
        log.error("analysis failed", attempt_id=str(attempt_id), error=error)


async def _store(
    conn: AsyncConnection, claim: ClaimedAnalysis, concluded: Conclusion, flags: AttemptFlags
) -> ModelState:
    """Store the results, as a new revision if they differ from the ones before. Return the state of the summary.

    Texts of a model or a service are kept as long as the figures stay the same.
    """
    verdict, words = _verdict(concluded, flags), _words(concluded, claim.words)
    is_same = claim.revision > 0 and _rounded(verdict) == _rounded(claim.verdict)
    is_from_model = claim.words.llm_model_version != VERSION
    if is_same and is_from_model:
        words = claim.words
    is_new = not (is_same and words == claim.words)
    model_state = _model_state(claim, is_new=is_new)
    revision = claim.revision + 1 if is_new else claim.revision
    await analyses.store_analysis(conn, claim, verdict, words, model_state, revision)
    return model_state


def _model_state(claim: ClaimedAnalysis, *, is_new: bool) -> ModelState:
    if not claim.enable_model:
        return ModelState.OFF
    return ModelState.PENDING if is_new else claim.model_state


def _verdict(concluded: Conclusion, flags: AttemptFlags) -> AnalysisResult:
    return AnalysisResult(
        anomaly_count=flags.anomalies,
        critical_events=flags.critical,
        integrity_score=concluded.integrity,
        coverage=concluded.coverage,
        lmi_score=concluded.lmi,
        improvement_trend=concluded.trend,
        dropout_label=concluded.label,
        dropout_confidence=concluded.confidence,
        requires_instructor_attention=concluded.needs_attention,
        requires_recap=concluded.needs_recap,
    )


def _words(concluded: Conclusion, before: AnalysisTexts) -> AnalysisTexts:
    """Return the texts of the template, and keep the originality indicators that services have reported."""
    reported = [indicator for indicator in before.originality_indicators if "by" in indicator]
    return AnalysisTexts(
        llm_summary=concluded.summary.text,
        llm_recommendations=_plain(concluded.summary.recommendations),
        originality_indicators=[*_plain(concluded.summary.originality_indicators), *reported],
        llm_model_version=VERSION,
    )


def _plain(sentences: Collection[Sentence]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(sentence) for sentence in sentences]


def _rounded(verdict: AnalysisResult) -> AnalysisResult:
    """Round the coverage to whole percents, as it is shown."""
    coverage = None if verdict.coverage is None else round(verdict.coverage, 2)
    return msgspec.structs.replace(verdict, coverage=coverage)
