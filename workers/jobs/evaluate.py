"""Stages 6 to 8 of 9: claim attempts with unjudged facts, fold them, store what follows (docs/path-of-an-event.md).

One transaction holds the flags, the cursors, the scores and the feed rows of a claim; the hint goes out after COMMIT.
What follows from a fact is not decided here, and Redis is never needed: a hint only says where to look first.
"""

import asyncio
import time
import traceback
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY, POISON_CLASSES
from db.hints import Hints
from db.queries import cursors, feed, flags, scores
from db.queries.cursors import Cursor, Reading
from judgement.engine import RULEBOOK_VERSION
from judgement.scoring import judge_stored
from protocol.console import FlagRow, Row
from protocol.jobs import ATTEMPTS_PER_JOB, Evaluate
from workers import metrics
from workers.folds import Fold, Folder

log = structlog.get_logger(__name__)

WORK_LIST: Final = 5_000
"""How many attempts a sweep asks for at a time."""

SWEEP_LAG_MS: Final = 500
"""Facts younger than this are left to the hints that are on their way."""

ASIDE_S: Final = 60.0
"""How long an attempt that could not be folded is left alone."""

BUSY_S: Final = 0.02
BUSY_LOOKS: Final = 25


class Outcome(msgspec.Struct, frozen=True):
    """Which attempts were ours to fold, and which of them have moved on."""

    claimed: set[UUID]
    folded: set[UUID]

    def add(self, other: "Outcome") -> None:
        """Count another outcome in."""
        self.claimed.update(other.claimed)
        self.folded.update(other.folded)


class Evaluator:
    """Judges what is unjudged; one for all the jobs and sweeps of a process."""

    def __init__(self, engine: AsyncEngine, hints: Hints) -> None:
        self._engine = engine
        self._hints = hints
        self._folder = Folder()
        self._aside: dict[UUID, float] = {}
        self._finishing = False

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
        """Fold everything these attempts have, then look once more.

        Looking locks nothing: facts stored while another worker folds their attempt are seen by that worker's last
        look or by ours, and an attempt that has facts but is locked is looked at again in a moment.
        Raises what PostgreSQL's absence raises.
        """
        stuck = self._left_alone()
        busy = 0
        while not self._finishing and busy < BUSY_LOOKS:
            waiting = await self._look(set(attempts) - stuck)
            if not waiting:
                return
            outcome = await self._fold_all(waiting)
            stuck |= outcome.claimed - outcome.folded
            if not outcome.claimed:
                busy += 1
                await asyncio.sleep(BUSY_S)

    async def sweep(self, days: int = cursors.STREAM_DAYS) -> None:
        """Fold whatever waits longer than a hint takes, in streams opened within `days`.

        Raises what PostgreSQL's absence raises.
        """
        stuck = self._left_alone()
        found = await self._list(days, stuck)
        metrics.LAG.set(found[0].lag_ms / 1000 if found else 0)
        while not self._finishing:
            late = [one.attempt_id for one in found if one.lag_ms >= SWEEP_LAG_MS]
            if not late:
                return
            outcome = await self._fold_all(late)
            stuck |= set(late) - outcome.folded
            found = await self._list(days, stuck)

    async def _look(self, attempts: Collection[UUID]) -> list[UUID]:
        async with self._engine.connect() as conn:
            found = await cursors.unjudged_among(conn, attempts, rulebook_version=RULEBOOK_VERSION)
        return [one.attempt_id for one in found]

    async def _list(self, days: int, besides: Collection[UUID]) -> list[cursors.Unjudged]:
        async with self._engine.connect() as conn:
            return await cursors.unjudged(
                conn, WORK_LIST, rulebook_version=RULEBOOK_VERSION, days=days, besides=besides
            )

    async def _fold_all(self, attempts: Sequence[UUID]) -> Outcome:
        """Fold these attempts once each, a transaction for every `ATTEMPTS_PER_JOB`."""
        outcome = Outcome(set(), set())
        for start in range(0, len(attempts), ATTEMPTS_PER_JOB):
            if not self._finishing:
                outcome.add(await self._fold_or_halve(attempts[start : start + ATTEMPTS_PER_JOB]))
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
            claimed = await cursors.claim(conn, attempts, len(attempts), rulebook_version=RULEBOOK_VERSION)
            reading = await cursors.read_facts(conn, claimed)
            folds = self._fold_each(claimed, reading)
            rows = await _store(conn, folds)
        metrics.FOLD_SECONDS.observe(time.perf_counter() - started)
        _count(folds, reading, rows)
        for fold in folds:
            self._folder.keep(fold)
        for exam_id in rows:
            await self._hints.announce("feed", exam_id)
        return Outcome({cursor.attempt_id for cursor in claimed}, {fold.advance.cursor.attempt_id for fold in folds})

    def _fold_each(self, claimed: Sequence[Cursor], reading: Reading) -> list[Fold]:
        folds = []
        for cursor in claimed:
            facts = reading.facts.get(cursor.attempt_id)
            if facts is None:
                continue
            try:
                folds.append(self._folder.fold(cursor, facts))
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
            sqlstate=getattr(getattr(error, "orig", None), "sqlstate", None),
            place=place,
        )

    def _left_alone(self) -> set[UUID]:
        now = time.monotonic()
        self._aside = {attempt_id: until for attempt_id, until in self._aside.items() if until > now}
        return set(self._aside)


async def _store(conn: AsyncConnection, folds: Sequence[Fold]) -> dict[UUID, list[Row]]:
    """Store what folds gave; returns the feed rows by exam. The feed comes last: its heads are locked until COMMIT."""
    await cursors.store(conn, [fold.advance for fold in folds])
    raised = await flags.raise_flags(conn, [flag for fold in folds for flag in fold.flags])
    exams = {fold.advance.cursor.attempt_id: fold.advance.cursor.exam_id for fold in folds}
    rows: dict[UUID, list[Row]] = {}
    for flag in raised:
        rows.setdefault(exams[flag.attempt_id], []).append(flag)
    first_folds = {fold.advance.cursor.attempt_id for fold in folds if fold.advance.cursor.facts == 0}
    to_score = first_folds | {flag.attempt_id for flag in raised}
    for score in await scores.rescore_all(conn, to_score, judge_stored):
        rows.setdefault(exams[score.attempt_id], []).append(score)
    for exam_id in sorted(rows):
        await feed.append(conn, exam_id, rows[exam_id])
    return rows


def _count(folds: Sequence[Fold], reading: Reading, rows: Mapping[UUID, Sequence[Row]]) -> None:
    metrics.FACTS_FOLDED.inc(sum(len(fold.advance.facts) for fold in folds))
    metrics.HOLES.inc(len(reading.holes))
    for row in (row for of_exam in rows.values() for row in of_exam):
        if isinstance(row, FlagRow):
            metrics.FLAGS_RAISED.labels(rule=row.rule).inc()


def _frames(error: Exception) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


def _blames_data(error: Exception) -> bool:
    """Whether the failure follows from what was read or written, so that trying again cannot help."""
    if isinstance(error, DBAPIError):
        return (getattr(error.orig, "sqlstate", None) or "")[:2] in POISON_CLASSES
    return not isinstance(error, SQLAlchemyError | OSError | TimeoutError)
