"""Stages 6 to 8 of 9: claim attempts with unjudged facts, fold them, store what follows (docs/path-of-an-event.md).

One transaction holds the flags, the cursors, the scores and the feed rows of a claim; the hint goes out after COMMIT.
What follows from a fact is not decided here, and Redis is never needed: a hint only says where to look first.
"""

import asyncio
import math
import time
import traceback
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY, POISON_CLASSES, sqlstate_of
from db.notify import Notifier
from db.queries import feed
from db.queries.analysis import analyses
from db.queries.evaluation import checkpoints, cursors, flags, scores, worklist
from db.queries.evaluation.checkpoints import Checkpoint
from db.queries.evaluation.cursors import Cursor, Reading
from judgement.engine import State
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.scoring import score_attempt
from protocol.console import FlagRow, Row
from protocol.jobs import ATTEMPTS_PER_JOB, Evaluate
from workers import metrics
from workers.state_cache import Fold, Folder

log = structlog.get_logger(__name__)

WORK_LIST: Final = 5_000
"""How many attempts a sweep asks for at a time."""

SWEEP_LAG_MS: Final = 500
"""Facts younger than this are left to the hints that are on their way."""

ASIDE_S: Final = 60.0
"""How long an attempt that could not be folded is left alone."""

SWEEP_S: Final = 5.0
"""How long one sweep may go on about what is recent: then older days have their turn, and what was set aside."""

BUSY_S: Final = 0.02
BUSY_LOOKS: Final = 25

TAIL_S: Final = 3.0
"""What comes after an attempt's end comes in pieces: so long after one of them it is analysed anew."""

COMINGS_AND_GOINGS: Final = frozenset({"connection_opened", "connection_lost"})

FOLDS: Final = 2
"""How often a job folds an attempt to its end: what is stored after that has a hint of its own, and others wait."""


class Outcome(msgspec.Struct, frozen=True):
    """Which attempts were ours to fold, which of them have moved on, and to the end of what they had then.

    `fed` are the exams whose feeds have new rows.
    """

    claimed: set[UUID]
    folded: set[UUID]
    finished: set[UUID] = set()
    fed: set[UUID] = set()

    def add(self, other: "Outcome") -> None:
        """Count another outcome in."""
        self.claimed.update(other.claimed)
        self.folded.update(other.folded)
        self.finished.update(other.finished)
        self.fed.update(other.fed)


class Evaluator:
    """Judges what is unjudged by the rulebooks it carries; one for all the jobs and sweeps of a process."""

    def __init__(self, engine: AsyncEngine, notifier: Notifier, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> None:
        self._engine = engine
        self._notifier = notifier
        self._rulebooks = rulebooks
        self._carried = frozenset(rulebooks)
        self._judge = partial(score_attempt, rulebooks=rulebooks)
        self._folder = Folder(rulebooks)
        event.listen(engine.sync_engine, "connect", self._forget)
        self._aside: dict[UUID, float] = {}
        self._older_day = worklist.STREAM_DAYS
        self._not_carried: dict[int, int] = {}
        self._finishing = False

    def _forget(self, *_: object) -> None:
        """Forget every state: a new connection may lead to a record that lost what they have seen (a failover)."""
        self._folder = Folder(self._rulebooks)

    def finish(self) -> None:
        """Let everything end after the transaction it is in."""
        self._finishing = True

    async def handle(self, _ctx: object, payload: object) -> None:
        """Do the job `protocol.jobs.EVALUATE`. Raises msgspec.ValidationError when the payload is none of its."""
        job = msgspec.convert(payload, Evaluate)
        try:
            await self.evaluate(job.attempts)
        except AWAY as error:
            # Repeating the hint would help nobody: the sweep finds what is left.
            log.warning("evaluation put off", attempts=len(job.attempts), error=type(error).__name__)

    async def evaluate(self, attempts: Collection[UUID]) -> None:
        """Fold everything these attempts have, then look at each once more.

        Looking locks nothing: facts stored while another worker folds their attempt are seen by that worker's last
        look or by ours, and an attempt that has facts but is locked is looked at again in a moment.
        Raises what PostgreSQL's absence raises.
        """
        done = self._left_alone()
        folds: Counter[UUID] = Counter()
        busy = 0
        while not self._finishing and busy < BUSY_LOOKS:
            waiting = await self._look(set(attempts) - done)
            if not waiting:
                return
            outcome = await self._fold_all(waiting)
            folds.update(outcome.finished)
            done |= outcome.claimed - outcome.folded
            done |= {attempt_id for attempt_id in outcome.finished if folds[attempt_id] >= FOLDS}
            if not outcome.claimed:
                busy += 1
                await asyncio.sleep(BUSY_S)

    async def sweep(self) -> None:
        """Fold whatever waits longer than a hint takes; then look at the streams of one older day, another each time.

        So every stream there is is looked at in the end, and no backlog, however old, holds up those who sit an exam.
        Raises what PostgreSQL's absence raises.
        """
        stuck = self._left_alone()
        lag_ms = await self._sweep_recent(stuck)
        await self._sweep_older(stuck, lag_ms)
        metrics.NOT_CARRIED.set(sum(self._not_carried.values()))

    async def _sweep_recent(self, stuck: set[UUID]) -> int:
        """Fold everything recent but what is stuck, for a while; returns the longest lag met, in ms."""
        until_s = time.monotonic() + SWEEP_S
        longest_ms = 0
        is_over = False
        while True:
            found = await self._list(0, stuck)
            lag_ms = found[0].lag_ms if found else 0
            longest_ms = max(longest_ms, lag_ms)
            metrics.LAG.set(longest_ms / 1000)
            late = [one.attempt_id for one in found if one.lag_ms >= SWEEP_LAG_MS]
            if not late or self._finishing or is_over:
                return longest_ms
            outcome = await self._fold_all(late)
            stuck |= set(late) - outcome.folded
            is_over = time.monotonic() > until_s

    async def _sweep_older(self, stuck: set[UUID], lag_ms: int) -> None:
        """Fold the longest waiting of one day's streams, and go on to the day before once none is left."""
        async with self._engine.connect() as conn:
            day = await worklist.find_day_with_streams(conn, self._older_day)
        # Days passed over have no streams any more: what was counted there has grown older, and is counted there.
        end = math.inf if day is None else day
        self._not_carried = {ago: many for ago, many in self._not_carried.items() if not self._older_day <= ago < end}
        if day is None:
            self._older_day = worklist.STREAM_DAYS
            return
        found = await self._list(day, stuck)
        metrics.LAG.set(max(lag_ms, *(one.lag_ms for one in found[:1]), 0) / 1000)
        outcome = await self._fold_all([one.attempt_id for one in found])
        self._older_day = day if outcome.folded else day + 1

    async def _look(self, attempts: Collection[UUID]) -> list[UUID]:
        async with self._engine.connect() as conn:
            found = await worklist.find_unfolded(conn, attempts, carried=self._carried)
        return [one.attempt_id for one in found]

    async def _list(self, days_ago: int, besides: Collection[UUID]) -> list[worklist.UnfoldedAttempt]:
        async with self._engine.connect() as conn:
            found = await worklist.list_unfolded(
                conn, WORK_LIST, carried=self._carried, besides=besides, days_ago=days_ago
            )
        self._not_carried[days_ago] = found.not_carried
        return found.waiting

    async def _fold_all(self, attempts: Sequence[UUID]) -> Outcome:
        """Fold these attempts once each, a transaction for every `ATTEMPTS_PER_JOB`, and tell who follows the exams."""
        outcome = Outcome(set(), set())
        for start in range(0, len(attempts), ATTEMPTS_PER_JOB):
            if not self._finishing:
                part = await self._fold_or_halve(attempts[start : start + ATTEMPTS_PER_JOB])
                for exam_id in part.fed:
                    await self._notifier.notify("feed", exam_id)
                outcome.add(part)
        return outcome

    async def _fold_or_halve(self, attempts: Sequence[UUID]) -> Outcome:
        """Fold in one transaction; when an attempt's own data make it fail, find that attempt and go on without it."""
        try:
            return await self._fold_claim(attempts)
        except Exception as error:
            if not _blames_data(error):
                raise
            if len(attempts) == 1:
                self._set_aside(attempts[0], error)
                return Outcome(set(attempts), set())
        middle = len(attempts) // 2
        outcome = await self._fold_or_halve(attempts[:middle])
        outcome.add(await self._fold_or_halve(attempts[middle:]))
        return outcome

    async def _fold_claim(self, attempts: Sequence[UUID]) -> Outcome:
        started = time.perf_counter()
        async with self._engine.begin() as conn:
            # The folder of this connection: what it learns is not for one that is made anew meanwhile.
            folder = self._folder
            claimed = await cursors.claim_cursors(conn, attempts, len(attempts), carried=self._carried)
            reading = await cursors.read_events(conn, claimed)
            moving = [cursor for cursor in claimed if cursor.attempt_id in reading.events]
            starts = {cursor.attempt_id: folder.take(cursor) for cursor in moving}
            unknown = [cursor for cursor in moving if cursor.facts and starts[cursor.attempt_id] is None]
            recalled = await checkpoints.read_checkpoints(conn, unknown)
            folds = self._fold_each(folder, moving, reading, {**starts, **recalled})
            rows = await _store(conn, folds, self._judge)
        metrics.FOLD_SECONDS.observe(time.perf_counter() - started)
        _count(folds, reading, recalled, rows)
        for fold in folds:
            folder.keep(fold)
        folded = {fold.advance.cursor.attempt_id for fold in folds}
        return Outcome({cursor.attempt_id for cursor in claimed}, folded, folded - reading.cut, set(rows))

    def _fold_each(
        self,
        folder: Folder,
        moving: Sequence[Cursor],
        reading: Reading,
        starts: Mapping[UUID, State | Checkpoint | None],
    ) -> list[Fold]:
        folds = []
        for cursor in moving:
            try:
                facts = reading.events[cursor.attempt_id]
                folds.append(folder.fold(cursor, facts, starts[cursor.attempt_id]))
            except Exception as error:
                # Whatever a rule did, it did to one attempt: the others are judged all the same.
                self._set_aside(cursor.attempt_id, error)
        return folds

    def _set_aside(self, attempt_id: UUID, error: Exception) -> None:
        self._aside[attempt_id] = time.monotonic() + ASIDE_S
        metrics.FOLD_FAILURES.inc()
        # An error's text may quote a student's data; its kind and place do not.
        place = next(frame for frame in reversed(_frames(error)) if "site-packages" not in frame)
        log.error(
            "attempt set aside",
            attempt_id=str(attempt_id),
            error=type(error).__name__,
            sqlstate=sqlstate_of(error) or None,
            place=place,
        )

    def _left_alone(self) -> set[UUID]:
        now = time.monotonic()
        self._aside = {attempt_id: until for attempt_id, until in self._aside.items() if until > now}
        return set(self._aside)


async def _store(conn: AsyncConnection, folds: Sequence[Fold], judge: scores.Judge) -> dict[UUID, list[Row]]:
    """Store what folds gave; returns the feed rows by exam. The feed comes last: its heads are locked until COMMIT."""
    await cursors.store_cursors(conn, [fold.advance for fold in folds])
    raised = await flags.raise_flags(conn, [flag for fold in folds for flag in fold.flags])
    exams = {fold.advance.cursor.attempt_id: fold.advance.cursor.exam_id for fold in folds}
    rows: dict[UUID, list[Row]] = {}
    for flag in raised:
        rows.setdefault(exams[flag.attempt_id], []).append(flag)
    first_folds = {fold.advance.cursor.attempt_id for fold in folds if fold.advance.cursor.facts == 0}
    seen_otherwise = {fold.advance.cursor.attempt_id for fold in folds if _may_be_seen_otherwise(fold)}
    to_score = first_folds | seen_otherwise | {flag.attempt_id for flag in raised}
    for score in await scores.rescore_all(conn, to_score, judge):
        rows.setdefault(exams[score.attempt_id], []).append(score)
    ended = {fold.advance.cursor.attempt_id for fold in folds if fold.advance.cursor.has_ended}
    await analyses.mark_stale(conn, ended, after_s=TAIL_S)
    for exam_id in sorted(rows):
        await feed.append(conn, exam_id, rows[exam_id])
    return rows


def _may_be_seen_otherwise(fold: Fold) -> bool:
    """Whether an attempt's coverage may have changed: somebody came or went, or makes up for an absence.

    The latter is looked at whenever a state is stored, a few times a minute.
    """
    cursor = fold.advance.cursor
    is_partial = cursor.coverage is not None and cursor.coverage < 1 and fold.advance.checkpoint is not None
    return is_partial or any(fact.type in COMINGS_AND_GOINGS for fact in fold.advance.events)


def _count(
    folds: Sequence[Fold],
    reading: Reading,
    recalled: Mapping[UUID, Checkpoint],
    rows: Mapping[UUID, Sequence[Row]],
) -> None:
    metrics.FACTS_REFOLDED.inc(sum(len(checkpoint.events) for checkpoint in recalled.values()))
    metrics.FACTS_FOLDED.inc(sum(len(fold.advance.events) for fold in folds))
    metrics.HOLES.inc(len(reading.holes))
    for row in (row for of_exam in rows.values() for row in of_exam):
        if isinstance(row, FlagRow):
            metrics.FLAGS_RAISED.labels(rule=row.rule).inc()


def _frames(error: Exception) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


def _blames_data(error: Exception) -> bool:
    """Whether the failure follows from what was read or written, so that trying again cannot help."""
    if isinstance(error, DBAPIError):
        return sqlstate_of(error)[:2] in POISON_CLASSES
    return not isinstance(error, SQLAlchemyError | OSError | TimeoutError)
