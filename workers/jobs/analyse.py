"""The analysis after the end: load what is known of an attempt, conclude, store, hint. Nothing is judged in this room.

One transaction holds the analysis, the figures beside the attempt's scores, its student's figures and the feed rows. A
row of `behavior_analysis` that is due says what is to be done: whoever dies in the middle has done nothing, and Redis
only says where to look first. What a model writes is asked for here and written elsewhere.
"""

import asyncio
import traceback
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY, POISON_CLASSES, sqlstate_of
from db.notify import Notifier
from db.queries import feed
from db.queries.analysis import analyses, drafts
from db.queries.analysis.analyses import AnalysisTexts, AttemptFlags, Claim, Verdict
from db.queries.evaluation import scores, worklist
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.conclusion import Conclusion, ConclusionInput, conclude
from judgement.score.momentum import Momentum, compute_momentum
from judgement.score.scoring import score_attempt
from judgement.text.for_teachers import VERSION, Sentence
from protocol.analysis import ModelState
from protocol.console import ScoreRow
from protocol.jobs import Analyse
from workers import metrics
from workers.jobs.evaluate import Evaluator
from workers.jobs.performance import work_out
from workers.jobs.summary_views import Views

log = structlog.get_logger(__name__)

LISTED: Final = 100
"""How many attempts a sweep takes up at a time."""

UNFOLDED_S: Final = 1.0
UNFOLDABLE_MS: Final = 120_000
"""Facts that wait for a fold so long wait for something that does not come by itself."""

_UNFOLDED: Final = "facts wait that cannot be folded"


class Written(msgspec.Struct, frozen=True):
    """What the drafts among so many folded facts of an attempt show."""

    facts: int
    momentum: Momentum


class Done(msgspec.Struct, frozen=True):
    """An analysis that was stored: of which exam, whether a model is to write about it, and the row for the feed."""

    exam_id: UUID
    wants_model: bool
    row: ScoreRow | None


class Analyst:
    """Analyses what has ended, and anew what has changed since; one for all the jobs and sweeps of a process."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        evaluator: Evaluator,
        views: Views,
        rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._evaluator = evaluator
        self._views = views
        self._carried = frozenset(rulebooks)
        self._judge = partial(score_attempt, rulebooks=rulebooks)
        self._finishing = False

    def finish(self) -> None:
        """Let everything end after the transaction it is in."""
        self._finishing = True

    async def handle(self, _ctx: object, payload: object) -> None:
        """Do the job `protocol.jobs.ANALYSE`. Raises msgspec.ValidationError when the payload is none of its."""
        job = msgspec.convert(payload, Analyse)
        try:
            await self.analyse(job.attempts)
        except AWAY as error:
            # Repeating the hint would help nobody: the sweep finds what is left.
            log.warning("analysis put off", attempts=len(job.attempts), error=type(error).__name__)

    async def sweep(self) -> None:
        """Analyse whatever is due. Raises what PostgreSQL's absence raises."""
        seen: set[UUID] = set()
        while not self._finishing:
            async with self._engine.connect() as conn:
                backlog = await analyses.measure_backlog(conn)
                due = await analyses.list_due(conn, LISTED, carried=self._carried)
            metrics.ANALYSES_WAITING.set(backlog.waiting)
            metrics.ANALYSES_FAILED.set(backlog.failed)
            metrics.ANALYSIS_LAG.set(backlog.lag_s)
            new = [attempt_id for attempt_id in due if attempt_id not in seen]
            if not new:
                return
            seen.update(new)
            await self.analyse(new)

    async def analyse(self, attempts: Collection[UUID]) -> None:
        """Fold what these attempts have left to fold, then analyse those that are due and in nobody else's hand.

        Raises what PostgreSQL's absence raises.
        """
        await self._evaluator.evaluate(attempts)
        asked = []
        for attempt_id in attempts:
            if self._finishing:
                break
            done = await self._analyse_or_fail(attempt_id)
            if done is None:
                continue
            metrics.ANALYSES.labels(outcome="done").inc()
            self._views.touch()
            if done.row is not None:
                await self._notifier.notify("feed", done.exam_id)
            if done.wants_model:
                asked.append(attempt_id)
        await self._notifier.enqueue_llm_summary(asked)

    async def _analyse_or_fail(self, attempt_id: UUID) -> Done | None:
        """Analyse one attempt; what its own data make fail is counted and tried again later."""
        try:
            written = await self._read_writing(attempt_id)
            async with self._engine.begin() as conn:
                claim = await analyses.claim_analysis(conn, attempt_id, carried=self._carried)
                return None if claim is None else await self._analyse(conn, claim, written)
        except Exception as error:
            if not _blames_data(error):
                raise
            async with self._engine.begin() as conn:
                await self._fail(conn, attempt_id, _describe(error))
            return None

    async def _read_writing(self, attempt_id: UUID) -> Written:
        """Look at an attempt's drafts with nothing locked: comparing long ones takes a while, in its own thread."""
        async with self._engine.connect() as conn:
            facts = await analyses.count_events(conn, attempt_id)
            texts = await drafts.read_drafts(conn, attempt_id)
            pastings = await drafts.read_pastes(conn, attempt_id)
        return Written(facts, await asyncio.to_thread(compute_momentum, texts, pastings))

    async def _analyse(self, conn: AsyncConnection, claim: Claim, written: Written) -> Done | None:
        """Conclude and store, unless facts came meanwhile, or wait for a fold: then it is put off."""
        waiting = await worklist.find_unfolded(conn, [claim.attempt_id], carried=self._carried)
        if waiting and waiting[0].lag_ms > UNFOLDABLE_MS:
            await self._fail(conn, claim.attempt_id, _UNFOLDED)
            return None
        if waiting or claim.facts != written.facts:
            await analyses.postpone_analysis(conn, claim.attempt_id, UNFOLDED_S)
            return None
        rows = await scores.rescore_all(conn, [claim.attempt_id], self._judge)
        flags = await analyses.read_flags(conn, claim.attempt_id)
        score = await scores.read_score(conn, claim.attempt_id)
        known = ConclusionInput(score=score, flags=flags.flags, momentum=written.momentum, passed=claim.passed)
        done = await _store(conn, claim, conclude(known), flags, rows[0] if rows else None)
        await work_out(conn, [claim.student_id])
        if done.row is not None:
            await feed.append(conn, claim.exam_id, [done.row])
        return done

    async def _fail(self, conn: AsyncConnection, attempt_id: UUID, error: str) -> None:
        await analyses.record_failure(conn, attempt_id, error)
        metrics.ANALYSES.labels(outcome="failed").inc()
        log.error("analysis failed", attempt_id=str(attempt_id), error=error)


async def _store(
    conn: AsyncConnection, claim: Claim, concluded: Conclusion, flags: AttemptFlags, row: ScoreRow | None
) -> Done:
    """Store what was concluded; a revision is one that says something else than the one before.

    Words that a model or a service found for a verdict stand for as long as the verdict does.
    """
    verdict, words = _verdict(concluded, flags), _words(concluded, claim.words)
    is_same = claim.revision > 0 and _shown(verdict) == _shown(claim.verdict)
    is_others = claim.words.llm_model_version != VERSION
    if is_same and is_others:
        words = claim.words
    is_new = not (is_same and words == claim.words)
    model_state = _model_state(claim, is_new=is_new)
    revision = claim.revision + 1 if is_new else claim.revision
    await analyses.store_analysis(conn, claim, verdict, words, model_state, revision)
    return Done(claim.exam_id, model_state is ModelState.PENDING, row)


def _model_state(claim: Claim, *, is_new: bool) -> ModelState:
    if not claim.enable_model:
        return ModelState.OFF
    return ModelState.PENDING if is_new else claim.model_state


def _verdict(concluded: Conclusion, flags: AttemptFlags) -> Verdict:
    return Verdict(
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
    """The template's words, with what programs have said of originality: that is theirs, whatever is concluded."""
    said = [indicator for indicator in before.originality_indicators if "by" in indicator]
    return AnalysisTexts(
        llm_summary=concluded.summary.text,
        llm_recommendations=_plain(concluded.summary.recommendations),
        originality_indicators=[*_plain(concluded.summary.originality_indicators), *said],
        llm_model_version=VERSION,
    )


def _plain(statements: Collection[Sentence]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(statement) for statement in statements]


def _shown(verdict: Verdict) -> Verdict:
    """A verdict as people read it: coverage in whole percents."""
    coverage = None if verdict.coverage is None else round(verdict.coverage, 2)
    return msgspec.structs.replace(verdict, coverage=coverage)


def _describe(error: Exception) -> str:
    """Say what failed and where: an error's own text may quote a student's data."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} {sqlstate_of(error)} at {place}".replace("  ", " ")


def _blames_data(error: Exception) -> bool:
    """Whether the failure follows from what was read or written, so that only this attempt has it."""
    if isinstance(error, DBAPIError):
        return sqlstate_of(error)[:2] in POISON_CLASSES
    return not isinstance(error, SQLAlchemyError | OSError | TimeoutError)
