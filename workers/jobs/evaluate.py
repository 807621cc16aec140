"""Stages 6 to 8 of 9: claim attempts with waiting events, fold them, store the results (docs/path-of-an-event.md).

One transaction has the flags, cursors, scores and feed rows of a claim; notifications follow after COMMIT. It contains
no rules, and never needs Redis: a job only says which attempts to check first.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.notify import Notifier
from db.queries.evaluation import checkpoints, cursors, flags, scores, worklist
from db.queries.evaluation.checkpoints import Checkpoint
from db.queries.evaluation.cursors import Cursor, NextEvents
from db.queries.events.system_events import append_to_each
from db.unit import Unit, change
from judgement.engine import State
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.scoring import score_attempt
from protocol.console import FlagRow
from protocol.jobs import ATTEMPTS_PER_JOB, Evaluate
from workers import metrics
from workers.quarantine import Quarantine, blames_data
from workers.state_cache import CHECKPOINT_EVENTS, Fold, Folder, clock_mismatch

log = structlog.get_logger(__name__)

QUARANTINE_S: Final = 60.0
"""How long an attempt that could not be folded is left out."""

BUSY_PAUSE_S: Final = 0.02
BUSY_CHECKS: Final = 25
"""How often, and how many times, an attempt that another worker has locked is checked again."""

TAIL_S: Final = 3.0
"""A client delivers its queue after the end in several parts. Each part postpones the next analysis by this time."""

COVERAGE_EVENTS: Final = frozenset({"connection_opened", "connection_lost", "events_lost", "stream_abandoned"})
"""Events with which the coverage may change at once."""

FOLDS: Final = 2
"""How often one job folds an attempt completely. Later events have another job, and other attempts are waiting."""


class FoldOutcome(msgspec.Struct, frozen=True):
    """The attempts that this worker claimed, those that it folded, and those of them that have no events left."""

    claimed: set[UUID]
    folded: set[UUID]
    finished: set[UUID] = set()

    def add(self, other: "FoldOutcome") -> None:
        """Add another outcome to this one."""
        self.claimed.update(other.claimed)
        self.folded.update(other.folded)
        self.finished.update(other.finished)


class Evaluator:
    """Folds waiting events with the rulebooks that it supports. One for all jobs and sweeps of a process."""

    def __init__(
        self,
        engine: AsyncEngine,
        notifier: Notifier,
        rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
        *,
        events_per_transaction: int = cursors.EVENTS_PER_TRANSACTION,
        checkpoint_events: int = CHECKPOINT_EVENTS,
        quarantine_s: float = QUARANTINE_S,
        busy_checks: int = BUSY_CHECKS,
    ) -> None:
        self.supported = frozenset(rulebooks)
        self.is_finishing = False
        self._engine = engine
        self._notifier = notifier
        self._score = partial(score_attempt, rulebooks=rulebooks)
        self._make_folder = partial(Folder, rulebooks, checkpoint_events=checkpoint_events)
        self._folder = self._make_folder()
        self._events_per_transaction = events_per_transaction
        self._busy_checks = busy_checks
        self._quarantine = Quarantine("evaluate", quarantine_s)
        sqlalchemy_event.listen(engine.sync_engine, "connect", self._forget)

    def _forget(self, *_: object) -> None:
        """Forget all states: after a failover, a new connection may find fewer events than they have processed."""
        self._folder = self._make_folder()

    def finish(self) -> None:
        """Stop after the transactions that are running."""
        self.is_finishing = True

    def quarantined(self) -> set[UUID]:
        """Return the attempts that are left out now."""
        return self._quarantine.attempts()

    async def handle(self, _ctx: object, payload: object) -> None:
        """Run the job `protocol.jobs.EVALUATE`. Raises msgspec.ValidationError if the payload does not fit."""
        job = msgspec.convert(payload, Evaluate)
        try:
            await self.evaluate(job.attempts)
        except AWAY as error:
            # No retry of the job: the sweep finds these attempts.
            log.warning("evaluation postponed", attempts=len(job.attempts), error=type(error).__name__)

    async def evaluate(self, attempts: Collection[UUID]) -> None:
        """Fold all events of these attempts, then check each of them once more.

        The check takes no lock. Events that are stored while another worker folds an attempt are found by that worker's
        last check or by ours. A locked attempt with waiting events is checked again after a moment. Raises AWAY errors.
        """
        done = self.quarantined()
        folds: Counter[UUID] = Counter()
        busy = 0
        while not self.is_finishing and busy < self._busy_checks:
            waiting = await self._find_waiting(set(attempts) - done)
            if not waiting:
                return
            outcome = await self.fold_once(waiting)
            folds.update(outcome.finished)
            done |= outcome.claimed - outcome.folded
            done |= {attempt_id for attempt_id in outcome.finished if folds[attempt_id] >= FOLDS}
            if not outcome.claimed:
                busy += 1
                await asyncio.sleep(BUSY_PAUSE_S)

    async def fold_once(self, attempts: Sequence[UUID]) -> FoldOutcome:
        """Fold these attempts once, in transactions of at most `ATTEMPTS_PER_JOB` attempts."""
        outcome = FoldOutcome(set(), set())
        for start in range(0, len(attempts), ATTEMPTS_PER_JOB):
            if not self.is_finishing:
                outcome.add(await self._fold_or_halve(attempts[start : start + ATTEMPTS_PER_JOB]))
        return outcome

    async def _find_waiting(self, attempts: Collection[UUID]) -> list[UUID]:
        async with self._engine.connect() as conn:
            found = await worklist.find_unfolded(conn, attempts, supported=self.supported)
        return [attempt.attempt_id for attempt in found]

    async def _fold_or_halve(self, attempts: Sequence[UUID]) -> FoldOutcome:
        """Fold in one transaction. If the data of an attempt make it fail, find that attempt by halving and skip it."""
        try:
            return await self._fold_claim(attempts)
        except Exception as error:
            if not blames_data(error):
                raise
            if len(attempts) == 1:
                self._quarantine_attempt(attempts[0], error)
                return FoldOutcome(set(attempts), set())
        middle = len(attempts) // 2
        outcome = await self._fold_or_halve(attempts[:middle])
        outcome.add(await self._fold_or_halve(attempts[middle:]))
        return outcome

    async def _fold_claim(self, attempts: Sequence[UUID]) -> FoldOutcome:
        started_s = time.perf_counter()
        async with change(self._engine, self._notifier) as unit:
            # The folder of this connection. If it is replaced meanwhile, the new one must not get these states.
            folder = self._folder
            claimed = await cursors.claim_cursors(unit.conn, attempts, len(attempts), supported=self.supported)
            reading = await cursors.read_events(unit.conn, claimed, self._events_per_transaction)
            moving = [cursor for cursor in claimed if cursor.attempt_id in reading.events]
            starts = {cursor.attempt_id: folder.take(cursor) for cursor in moving}
            unknown = [cursor for cursor in moving if cursor.facts and starts[cursor.attempt_id] is None]
            loaded = await checkpoints.read_checkpoints(unit.conn, unknown)
            folds = self._fold_each(folder, moving, reading, {**starts, **loaded})
            raised = await _store(unit, folds, self._score)
        metrics.FOLD_SECONDS.observe(time.perf_counter() - started_s)
        _count(folds, reading, loaded, raised)
        for fold in folds:
            folder.keep(fold)
        folded = {fold.advance.cursor.attempt_id for fold in folds}
        return FoldOutcome({cursor.attempt_id for cursor in claimed}, folded, folded - reading.cut)

    def _fold_each(
        self,
        folder: Folder,
        moving: Sequence[Cursor],
        reading: NextEvents,
        starts: Mapping[UUID, State | Checkpoint | None],
    ) -> list[Fold]:
        folds = []
        for cursor in moving:
            try:
                events = reading.events[cursor.attempt_id]
                folds.append(folder.fold(cursor, events, starts[cursor.attempt_id]))
            except Exception as error:
                # The error affects one attempt. The others are folded.
                self._quarantine_attempt(cursor.attempt_id, error)
        return folds

    def _quarantine_attempt(self, attempt_id: UUID, error: Exception) -> None:
        metrics.FOLD_FAILURES.inc()
        self._quarantine.add(attempt_id, error)


async def _store(unit: Unit, folds: Sequence[Fold], score: scores.ComputeScore) -> list[FlagRow]:
    """Store the results of folds and collect their feed rows. Return the flags that were raised."""
    conn = unit.conn
    await cursors.store_cursors(conn, [fold.advance for fold in folds])
    raised = await flags.raise_flags(conn, [flag for fold in folds for flag in fold.flags])
    exams = {fold.advance.cursor.attempt_id: fold.advance.cursor.exam_id for fold in folds}
    breaches = {fold.advance.cursor.attempt_id: [clock_mismatch(each) for each in fold.breaches] for fold in folds}
    for flag in raised:
        unit.feed(exams[flag.attempt_id], [flag])
    first_folds = {fold.advance.cursor.attempt_id for fold in folds if fold.advance.cursor.facts == 0}
    reconnected = {fold.advance.cursor.attempt_id for fold in folds if _may_change_coverage(fold)}
    to_score = first_folds | reconnected | {flag.attempt_id for flag in raised}
    for row in await scores.rescore_all(conn, to_score, score):
        unit.feed(exams[row.attempt_id], [row])
    # After the scores: a hello locks the attempt before its system stream.
    await append_to_each(conn, {attempt_id: events for attempt_id, events in breaches.items() if events})
    ended = {fold.advance.cursor.attempt_id for fold in folds if fold.advance.cursor.has_ended}
    unit.mark_stale(ended, after_s=TAIL_S)
    return raised


def _may_change_coverage(fold: Fold) -> bool:
    """Return whether the coverage may have changed much: a client came, went or lost events, or time was unobserved.

    The latter is checked whenever a state is stored, a few times a minute. A client that stays silent has no events;
    `workers.jobs.coverage` finds it.
    """
    cursor = fold.advance.cursor
    is_first = cursor.coverage is None and fold.advance.last_event_ms is not None
    is_partial = cursor.coverage is not None and cursor.coverage < 1 and fold.advance.checkpoint is not None
    has_changed = any(event.type in COVERAGE_EVENTS for event in fold.advance.events)
    return is_first or is_partial or has_changed or bool(fold.breaches)


def _count(
    folds: Sequence[Fold], reading: NextEvents, loaded: Mapping[UUID, Checkpoint], raised: Sequence[FlagRow]
) -> None:
    metrics.EVENTS_REFOLDED.inc(sum(len(checkpoint.events) for checkpoint in loaded.values()))
    metrics.EVENTS_FOLDED.inc(sum(len(fold.advance.events) for fold in folds))
    metrics.HOLES.inc(len(reading.holes))
    for flag in raised:
        metrics.FLAGS_RAISED.labels(rule=flag.rule).inc()
