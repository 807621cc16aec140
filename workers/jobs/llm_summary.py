"""The model's part after an attempt has ended: ask for a summary, keep what holds of it, and say how far it came.

Whatever a model answers, no score, status or rule's flag changes; without an answer the summary written from the flags
stays. No transaction is open while a model thinks, and Redis is never needed.
"""

import asyncio
import time
from collections.abc import Collection, Coroutine
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY
from db.notify import Notifier
from db.queries import feed
from db.queries.analysis import model_runs
from db.queries.analysis.model_runs import AttemptFacts, NewModelRun, NewSummary, SummaryRequest
from db.queries.evaluation import flags
from db.queries.evaluation.flags import NewFlag
from protocol.analysis import ModelState
from protocol.flags import FlagSource
from protocol.jobs import LlmSummary
from workers import metrics
from workers.llm import evidence, verdict
from workers.llm.breaker import Breaker
from workers.llm.client import Model, Reply
from workers.llm.errors import BadVerdict, ModelError, Unavailable
from workers.llm.evidence import Case, Evidence, Raised, Seen, Written
from workers.llm.verdict import Advice, Checked

log = structlog.get_logger(__name__)

AT_ONCE: Final = 2
"""How many attempts one worker asks about at the same time."""

TRIES: Final = 4
"""After so many failures about one revision the template's summary stays for good."""

BACKOFF_S: Final = (15.0, 60.0, 240.0)
LEASE_SPARE_S: Final = 30.0
RULE: Final = "model"
RULE_VERSION: Final = 1
TEXT_LEAST: Final = 40
"""Shorter answers are no text to describe."""

PLAIN: Final = ("alive", "typing", "draft_saved", "eye_movement", "face_count", "head_pose", "voice_activity")
"""Telemetry: shown by its count, and fact by fact only where a flag cites it."""


class LlmSummarizer:
    """Asks a model about attempts whose exam wants it; one for all the jobs and rounds of a process."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        model: Model | None,
        *,
        timeout_s: float,
        exam_tokens: int,
        breaker: Breaker | None = None,
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._model = model
        self._lease_s = timeout_s + LEASE_SPARE_S
        self._exam_tokens = exam_tokens
        self._breaker = breaker or Breaker()
        self._finishing = asyncio.Event()

    def finish(self) -> None:
        """Ask no more, and wait for no answer: who claims what is left asks anew."""
        self._finishing.set()

    async def handle(self, _ctx: object, payload: object) -> None:
        """Do the job `protocol.jobs.LLM_SUMMARY`. Raises msgspec.ValidationError when the payload is none of its."""
        job = msgspec.convert(payload, LlmSummary)
        try:
            await self.consult(job.attempts)
        except* AWAY as away:
            # The round finds what is left.
            log.warning("consultation put off", error=repr(away.exceptions[0]))

    async def consult(self, among: Collection[UUID] = ()) -> None:
        """Ask about whatever waits, or about those named. Raises what PostgreSQL's absence raises."""
        if self._model is None:
            async with self._engine.begin() as conn:
                await model_runs.turn_off_pending(conn)
            return
        while not self._finishing.is_set() and not self._breaker.is_open(time.monotonic()):
            async with self._engine.begin() as conn:
                claimed = await model_runs.claim_requests(conn, limit=AT_ONCE, lease_s=self._lease_s, among=among)
            if not claimed:
                return
            async with asyncio.TaskGroup() as askings:
                for asking in claimed:
                    askings.create_task(self._ask(self._model, asking))
        metrics.MODEL_BREAKER.set(self._breaker.is_open(time.monotonic()))

    async def _ask(self, model: Model, asking: SummaryRequest) -> None:
        """Ask about one attempt and store what holds of the answer, or when to ask again."""
        async with self._engine.connect() as conn:
            record = await model_runs.read_attempt_facts(conn, asking.attempt_id)
            shown = evidence.present(await _case(conn, asking.attempt_id, record))
            known = await model_runs.find_earlier_answer(conn, asking.attempt_id, shown.shown)
            spent = await model_runs.count_tokens(conn, record.exam_id)
        if known is not None:
            reply = Reply(text=known[1], model=known[0], prompt_tokens=0, completion_tokens=0, duration_ms=0)
            await self._conclude(asking, record, shown, reply)
        elif spent >= self._exam_tokens:
            await self._fail(asking, shown, "the exam's budget is spent", None, at_last=True)
        elif not self._breaker.take(time.monotonic()):
            await self._put_off(asking, self._breaker.wait_s(time.monotonic()))
        else:
            await self._ask_anew(model, asking, record, shown)

    async def _ask_anew(self, model: Model, asking: SummaryRequest, record: AttemptFacts, shown: Evidence) -> None:
        reply = None
        try:
            reply = await self._wait_for(model.ask(shown, verdict.schema()))
            if reply is None:
                await self._put_off(asking, 0)
                return
            self._breaker.succeed()
            metrics.MODEL_BREAKER.set(0)
            metrics.MODEL_SECONDS.observe(reply.duration_ms / 1000)
            await self._conclude(asking, record, shown, reply)
        except Unavailable as error:
            self._breaker.fail(time.monotonic())
            await self._fail(asking, shown, str(error), reply)
        except BadVerdict as error:
            await self._fail(asking, shown, str(error), reply)
        except ModelError as error:
            await self._fail(asking, shown, str(error), reply, at_last=True)

    async def _wait_for(self, asking: Coroutine[None, None, Reply]) -> Reply | None:
        """Wait for an answer, or for the end of the process, which gives None."""
        answering, finishing = asyncio.ensure_future(asking), asyncio.ensure_future(self._finishing.wait())
        try:
            await asyncio.wait((answering, finishing), return_when=asyncio.FIRST_COMPLETED)
            return answering.result() if answering.done() else None
        finally:
            answering.cancel()
            finishing.cancel()
            await asyncio.gather(answering, finishing, return_exceptions=True)

    async def _conclude(self, asking: SummaryRequest, record: AttemptFacts, shown: Evidence, reply: Reply) -> None:
        """Store what holds. Raises BadVerdict."""
        checked = verdict.check(verdict.read(reply.text), shown)
        metrics.MODEL_CLAIMS_DROPPED.inc(checked.dropped)
        if not checked.summary:
            raise BadVerdict("no sentence of the summary cites a fact that is there")
        run = _run(asking, shown, reply, ModelState.DONE, dropped=checked.dropped)
        async with self._engine.begin() as conn:
            await model_runs.store_run(conn, run)
            if not await model_runs.lock_analysis(conn, asking.attempt_id, asking.revision):
                return
            await model_runs.store_summary(conn, asking.attempt_id, _summary(checked, reply))
            new = [_flag(asking.attempt_id, record, advice) for advice in checked.advice]
            rows = await flags.raise_flags(conn, new, source=FlagSource.LLM)
            if rows:
                await feed.append(conn, record.exam_id, rows)
        metrics.MODEL_RUNS.labels(outcome="done").inc()
        if rows:
            await self._notifier.notify("feed", record.exam_id)

    async def _fail(
        self, asking: SummaryRequest, shown: Evidence, reason: str, reply: Reply | None, *, at_last: bool = False
    ) -> None:
        at_last = at_last or asking.failed + 1 >= TRIES
        log.warning("model gave no summary", attempt=str(asking.attempt_id), reason=reason, at_last=at_last)
        metrics.MODEL_RUNS.labels(outcome="failed" if at_last else "put_off").inc()
        async with self._engine.begin() as conn:
            await model_runs.store_run(conn, _run(asking, shown, reply, ModelState.FAILED, error=reason))
            if not at_last:
                backoff_s = BACKOFF_S[min(asking.failed, len(BACKOFF_S) - 1)]
                await model_runs.postpone_request(conn, asking.attempt_id, asking.revision, backoff_s)
            elif await model_runs.lock_analysis(conn, asking.attempt_id, asking.revision):
                await model_runs.store_summary(conn, asking.attempt_id, None)

    async def _put_off(self, asking: SummaryRequest, after_s: float) -> None:
        async with self._engine.begin() as conn:
            await model_runs.postpone_request(conn, asking.attempt_id, asking.revision, after_s)


async def _case(conn: AsyncConnection, attempt_id: UUID, record: AttemptFacts) -> Case:
    raised = await model_runs.read_flags(conn, attempt_id)
    cited = {event_id for flag in raised for event_id in flag.cited}
    facts = await model_runs.read_events(conn, attempt_id, cited, plain=PLAIN, most=evidence.FACTS_MAX)
    texts = await model_runs.read_texts(conn, attempt_id, least=TEXT_LEAST, most=evidence.TEXTS_MAX)
    return Case(
        subject=record.subject,
        duration_ms=record.completed_at - record.started_at,
        integrity=record.integrity,
        coverage=record.coverage,
        lmi=record.lmi,
        percentage=record.percentage,
        counts=await model_runs.count_events(conn, attempt_id),
        facts=[
            Seen(fact.stream_id, fact.seq, fact.time_ms - record.started_at, fact.type, fact.data) for fact in facts
        ],
        flags=[Raised(flag.rule, flag.severity, flag.status, flag.summary, flag.cited) for flag in raised],
        texts=[Written(item, text) for item, text in texts],
        names=record.names,
    )


def _summary(checked: Checked, reply: Reply) -> NewSummary:
    return NewSummary(
        text=" ".join(statement.text for statement in checked.summary),
        recommendations=model_runs.to_statements([(one.text, one.cited) for one in checked.recommendations]),
        originality_indicators=model_runs.to_statements(
            [(one.text, one.cited) for one in checked.originality_indicators]
        ),
        model=reply.model,
    )


def _flag(attempt_id: UUID, record: AttemptFacts, advice: Advice) -> NewFlag:
    cited = ",".join(f"{stream}:{seq}" for stream, seq in sorted(advice.cited))
    return NewFlag(
        attempt_id=attempt_id,
        rule=RULE,
        rule_version=RULE_VERSION,
        policy_version=record.policy_version,
        # What it rests on is the episode: asked again, it may find other words for the same.
        episode_key=sha256(cited.encode()).hexdigest()[:16],
        severity=advice.severity,
        confidence=advice.confidence,
        summary=advice.text,
        numbers={},
        cited=advice.cited,
    )


def _run(
    asking: SummaryRequest,
    shown: Evidence,
    reply: Reply | None,
    state: ModelState,
    *,
    error: str | None = None,
    dropped: int = 0,
) -> NewModelRun:
    return NewModelRun(
        attempt_id=asking.attempt_id,
        revision=asking.revision,
        model="" if reply is None else reply.model,
        state=state,
        input=shown.shown,
        output=None if reply is None else reply.text.replace("\0", "\ufffd"),
        error=None if error is None else error[:500].replace("\0", "\ufffd"),
        claims_dropped=dropped,
        prompt_tokens=0 if reply is None else reply.prompt_tokens,
        completion_tokens=0 if reply is None else reply.completion_tokens,
        duration_ms=0 if reply is None else reply.duration_ms,
    )
