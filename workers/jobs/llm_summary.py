"""Request summaries of analyzed attempts from a language model, and store the claims that cite real events.

Each request counts before it is sent, so a process that is killed or an answer that is broken is not paid for again and
again. No answer of a model changes a score, a status or a rule's flag. Without an answer the summary from the template
stays. No transaction is open while a model answers, and Redis is never needed.
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
from db.queries.analysis import model_runs
from db.queries.analysis.model_runs import AttemptData, NewSummary, RunResult, SummaryRequest
from db.queries.evaluation import flags
from db.queries.evaluation.flags import NewFlag
from db.unit import change
from protocol.analysis import ModelState
from protocol.backoff import Backoff
from protocol.flags import FlagSource
from protocol.jobs import LlmSummary
from workers import metrics
from workers.llm import evidence, verdict
from workers.llm.breaker import Breaker
from workers.llm.client import Model, Reply, Tokens
from workers.llm.errors import BadVerdict, ModelError, ModelRefused
from workers.llm.evidence import AttemptCase, Prompt, PromptEvent, PromptFlag, PromptText
from workers.llm.verdict import Advice, Checked

log = structlog.get_logger(__name__)

AT_ONCE: Final = 2
"""How many requests one worker has open at the same time."""

TRIES: Final = 4
"""After this many failures of one revision, the template's summary stays."""

BACKOFF: Final = Backoff(15.0, 240.0, factor=4.0)
LEASE_SPARE_S: Final = 30.0
RULE: Final = "model"
RULE_VERSION: Final = 1
TEXT_LEAST: Final = 40
"""Shorter answers are not shown to the model as a text."""

PLAIN: Final = ("alive", "typing", "draft_saved", "eye_movement", "face_count", "head_pose", "voice_activity")
"""Telemetry: the model gets the number of these events, and single ones only if a flag cites them."""


ERROR_CHARS: Final = 500


class _Asked(msgspec.Struct, frozen=True):
    """A request that was stored and is sent: what for, about what, and its run."""

    request: SummaryRequest
    record: AttemptData
    shown: Prompt
    run_id: UUID


class LlmSummarizer:
    """Requests summaries for exams that use a model. One for all jobs and polls of a process."""

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
        """Send no more requests and wait for no answer. Another process will send the open requests again."""
        self._finishing.set()

    async def handle(self, _ctx: object, payload: object) -> None:
        """Run the job `protocol.jobs.LLM_SUMMARY`. Raises msgspec.ValidationError if the payload does not fit."""
        job = msgspec.convert(payload, LlmSummary)
        try:
            await self.summarize(job.attempts)
        except* AWAY as away:
            # No retry of the job: the next poll finds these attempts.
            log.warning("summary postponed", error=repr(away.exceptions[0]))

    async def poll(self) -> None:
        """Request all summaries that are due. Raises AWAY errors."""
        try:
            await self.summarize()
        except ExceptionGroup as errors:
            away, others = errors.split(AWAY)
            if away is None or others is not None:
                raise
            raise away.exceptions[0] from errors

    async def summarize(self, among: Collection[UUID] = ()) -> None:
        """Request all summaries that are due, or those of the given attempts. Raises AWAY errors, in a group."""
        if self._model is None:
            async with self._engine.begin() as conn:
                await model_runs.turn_off_pending(conn)
            return
        while not self._finishing.is_set() and not self._breaker.is_open(time.monotonic()):
            async with self._engine.begin() as conn:
                claimed = await model_runs.claim_requests(conn, limit=AT_ONCE, lease_s=self._lease_s, among=among)
            if not claimed:
                return
            # Not a TaskGroup: one that fails must not cancel the others, whose answers cost money.
            results = await asyncio.gather(
                *(self._request_alone(self._model, request) for request in claimed), return_exceptions=True
            )
            if errors := [result for result in results if isinstance(result, Exception)]:
                raise ExceptionGroup("requests of summaries", errors)
        metrics.MODEL_BREAKER.set(self._breaker.is_open(time.monotonic()))

    async def _request_alone(self, model: Model, request: SummaryRequest) -> None:
        """Request one summary. An unexpected error counts as a failure of this summary. Raises AWAY errors."""
        try:
            await self._request(model, request)
        except AWAY:
            raise
        except Exception as error:
            log.exception("summary failed", attempt=str(request.attempt_id))
            self._breaker.fail(time.monotonic())
            async with self._engine.begin() as conn:
                reason = f"unexpected: {type(error).__name__}"
                if not await model_runs.fail_lost_runs(conn, [request.attempt_id], reason):
                    run_id = await model_runs.start_run(conn, request.attempt_id, request.revision, "", (0, 0))
                    await model_runs.finish_run(conn, run_id, RunResult(state=ModelState.FAILED, error=reason))
                await self._give_up_or_postpone(conn, request)

    async def _request(self, model: Model, request: SummaryRequest) -> None:
        """Request one summary, and store its valid claims or the time of the next try."""
        async with self._engine.connect() as conn:
            record = await model_runs.read_attempt_data(conn, request.attempt_id)
            shown = evidence.present(await _read_case(conn, request.attempt_id, record))
            earlier = await model_runs.find_earlier_answer(conn, request.attempt_id, shown.shown)
            spent = await model_runs.count_tokens(conn, record.exam_id)
        if earlier is not None:
            run_id = await self._start(request, shown, Tokens(0, 0))
            reply = Reply(text=earlier[1], model=earlier[0], prompt_tokens=0, completion_tokens=0, duration_ms=0)
            await self._read(_Asked(request, record, shown, run_id), reply)
        elif request.failed >= TRIES:  # the last request was sent by a process that was killed
            async with self._engine.begin() as conn:
                await self._give_up_or_postpone(conn, request, is_final=True)
        elif spent >= self._exam_tokens:
            run_id = await self._start(request, shown, Tokens(0, 0))
            await self._fail(request, run_id, "the token budget of the exam is used up", is_final=True)
        elif not self._breaker.take(time.monotonic()):
            await self._postpone(request, self._breaker.wait_s(time.monotonic()))
        else:
            run_id = await self._start(request, shown, model.estimate(shown, verdict.schema()))
            await self._send(model, _Asked(request, record, shown, run_id))

    async def _start(self, request: SummaryRequest, shown: Prompt, most: Tokens) -> UUID:
        """Store that the request is about to be sent: from now on it counts, even if this process is killed."""
        async with self._engine.begin() as conn:
            tokens = (most.prompt, most.completion)
            return await model_runs.start_run(conn, request.attempt_id, request.revision, shown.shown, tokens)

    async def _send(self, model: Model, asked: _Asked) -> None:
        try:
            reply = await self._wait_for(model.ask(asked.shown, verdict.schema()))
        except ModelError as error:
            self._breaker.fail(time.monotonic())
            tokens = None if error.may_cost else (0, 0)
            is_final = isinstance(error, ModelRefused)
            await self._fail(asked.request, asked.run_id, str(error), tokens=tokens, is_final=is_final)
            return
        if reply is None:
            async with self._engine.begin() as conn:
                await model_runs.finish_run(
                    conn, asked.run_id, RunResult(state=ModelState.FAILED, error=model_runs.LOST)
                )
                await model_runs.postpone_request(conn, asked.request.attempt_id, asked.request.revision, 0)
            return
        metrics.MODEL_SECONDS.observe(reply.duration_ms / 1000)
        await self._read(asked, reply)

    async def _read(self, asked: _Asked, reply: Reply) -> None:
        """Store the valid claims of an answer, or that it has none."""
        try:
            checked = _check(reply, asked.shown)
        except BadVerdict as error:
            self._breaker.fail(time.monotonic())
            await self._fail(asked.request, asked.run_id, str(error), reply=reply)
            return
        self._breaker.succeed()
        metrics.MODEL_BREAKER.set(0)
        await self._store(asked, checked, reply)

    async def _wait_for(self, request: Coroutine[None, None, Reply]) -> Reply | None:
        """Wait for an answer. Return None if the process ends first."""
        answering, finishing = asyncio.ensure_future(request), asyncio.ensure_future(self._finishing.wait())
        try:
            await asyncio.wait((answering, finishing), return_when=asyncio.FIRST_COMPLETED)
            return answering.result() if answering.done() else None
        finally:
            answering.cancel()
            finishing.cancel()
            await asyncio.gather(answering, finishing, return_exceptions=True)

    async def _store(self, asked: _Asked, checked: Checked, reply: Reply) -> None:
        result = _result(reply, ModelState.DONE, dropped=checked.dropped)
        attempt_id, record = asked.request.attempt_id, asked.record
        async with change(self._engine, self._notifier) as unit:
            await model_runs.finish_run(unit.conn, asked.run_id, result)
            if not await model_runs.lock_analysis(unit.conn, attempt_id, asked.request.revision):
                return
            await model_runs.store_summary(unit.conn, attempt_id, _summary(checked, asked.shown, reply))
            new = [_flag(attempt_id, record, advice) for advice in checked.advice]
            unit.feed(record.exam_id, await flags.raise_flags(unit.conn, new, source=FlagSource.LLM))
        metrics.MODEL_RUNS.labels(outcome="done").inc()

    async def _fail(
        self,
        request: SummaryRequest,
        run_id: UUID,
        reason: str,
        *,
        reply: Reply | None = None,
        tokens: tuple[int, int] | None = None,
        is_final: bool = False,
    ) -> None:
        """Store a failed request. Without a reply or `tokens` the estimate stays counted."""
        result = (
            RunResult(state=ModelState.FAILED, tokens=tokens) if reply is None else _result(reply, ModelState.FAILED)
        )
        result = msgspec.structs.replace(result, error=_storable(reason[:ERROR_CHARS]))
        async with self._engine.begin() as conn:
            await model_runs.finish_run(conn, run_id, result)
            await self._give_up_or_postpone(conn, request, reason, is_final=is_final)

    async def _give_up_or_postpone(
        self, conn: AsyncConnection, request: SummaryRequest, reason: str = "unexpected", *, is_final: bool = False
    ) -> None:
        """After a failure, keep the summary of the template, or request one again later."""
        is_final = is_final or request.failed + 1 >= TRIES
        log.warning("no summary from the model", attempt=str(request.attempt_id), reason=reason, is_final=is_final)
        metrics.MODEL_RUNS.labels(outcome="failed" if is_final else "put_off").inc()
        if not is_final:
            pause_s = BACKOFF.pause_s(request.failed)
            await model_runs.postpone_request(conn, request.attempt_id, request.revision, pause_s)
        elif await model_runs.lock_analysis(conn, request.attempt_id, request.revision):
            await model_runs.store_summary(conn, request.attempt_id, None)

    async def _postpone(self, request: SummaryRequest, after_s: float) -> None:
        async with self._engine.begin() as conn:
            await model_runs.postpone_request(conn, request.attempt_id, request.revision, after_s)


async def _read_case(conn: AsyncConnection, attempt_id: UUID, record: AttemptData) -> AttemptCase:
    raised = await model_runs.read_flags(conn, attempt_id)
    cited = {event_id for flag in raised for event_id in flag.cited}
    events = await model_runs.read_events(conn, attempt_id, cited, plain=PLAIN, most=evidence.EVENTS_MAX)
    texts = await model_runs.read_texts(conn, attempt_id, least=TEXT_LEAST, most=evidence.TEXTS_MAX)
    return AttemptCase(
        subject=record.subject,
        duration_ms=record.completed_at - record.started_at,
        integrity=record.integrity,
        coverage=record.coverage,
        lmi=record.lmi,
        percentage=record.percentage,
        counts=await model_runs.count_events(conn, attempt_id),
        events=[
            PromptEvent(event.stream_id, event.seq, event.time_ms - record.started_at, event.type, event.data)
            for event in events
        ],
        flags=[PromptFlag(flag.rule, flag.severity, flag.status, flag.summary, flag.cited) for flag in raised],
        texts=[PromptText(item, text) for item, text in texts],
        names=record.names,
    )


def _check(reply: Reply, shown: Prompt) -> Checked:
    """Return the valid claims of an answer. Raises BadVerdict if its summary has none."""
    checked = verdict.check(verdict.read(reply.text), shown)
    metrics.MODEL_CLAIMS_DROPPED.inc(checked.dropped)
    if not checked.summary:
        raise BadVerdict("no sentence of the summary cites an existing event")
    return checked


def _summary(checked: Checked, shown: Prompt, reply: Reply) -> NewSummary:
    return NewSummary(
        text=" ".join(f"{claim.text} [{shown.times_of(claim.cited)}]" for claim in checked.summary),
        recommendations=model_runs.to_statements([(claim.text, claim.cited) for claim in checked.recommendations]),
        originality_indicators=model_runs.to_statements(
            [(claim.text, claim.cited) for claim in checked.originality_indicators]
        ),
        model=reply.model,
    )


def _flag(attempt_id: UUID, record: AttemptData, advice: Advice) -> NewFlag:
    cited = ",".join(f"{stream}:{seq}" for stream, seq in sorted(advice.cited))
    return NewFlag(
        attempt_id=attempt_id,
        rule=RULE,
        rule_version=RULE_VERSION,
        policy_version=record.policy_version,
        # The cited events identify the episode: another answer may describe the same events in other words.
        episode_key=sha256(cited.encode()).hexdigest()[:16],
        severity=advice.severity,
        confidence=advice.confidence,
        summary=advice.text,
        numbers={},
        cited=advice.cited,
    )


def _result(reply: Reply, state: ModelState, *, dropped: int = 0) -> RunResult:
    return RunResult(
        state=state,
        model=reply.model,
        output=_storable(reply.text),
        claims_dropped=dropped,
        tokens=(reply.prompt_tokens, reply.completion_tokens),
        duration_ms=reply.duration_ms,
    )


def _storable(text: str) -> str:
    """Replace what PostgreSQL cannot store."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
