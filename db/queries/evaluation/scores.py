"""Scores: the provisional integrity and coverage of attempts, from flags that count and from what was observed.

The caller provides the formulas.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Row, bindparam, cast, false, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import AnalysisCursor, Connection, ExamAttempt, ExamPolicy
from db.models.attempts import RUNNING_SQL
from db.queries.evaluation import flags
from db.queries.evaluation.cursors import is_among, is_supported
from protocol.analysis import Observed, Score
from protocol.console import ScoreRow
from protocol.flags import CountedFlag

ComputeScore = Callable[[Sequence[CountedFlag], Observed, dict[str, Any], int], Score]
"""Computes a score from the flags that count, the observed times, the policy's settings and the rulebook's version."""


class SilentAttempt(msgspec.Struct, frozen=True):
    """A running attempt without recent events, and its stored coverage."""

    attempt_id: UUID
    exam_id: UUID
    coverage: float | None


async def rescore(conn: AsyncConnection, attempt_id: UUID, compute_score: ComputeScore) -> ScoreRow | None:
    """Compute and store the score of an attempt; return the feed row, or None when the board does not change.

    Raises NotFound.
    """
    changed = await rescore_all(conn, [attempt_id], compute_score)
    return changed[0] if changed else None


async def rescore_all(
    conn: AsyncConnection, attempt_ids: Collection[UUID], compute_score: ComputeScore
) -> list[ScoreRow]:
    """Compute the scores of attempts and store changed ones; return the feed rows of those that change on the board.

    Locks the attempts' cursors until COMMIT before it reads their flags: a review in a hub and a fold in a worker
    follow each other, so no score is lost. Raises NotFound.
    """
    if not attempt_ids:
        return []
    await conn.execute(
        select(AnalysisCursor.attempt_id)
        .where(is_among(AnalysisCursor.attempt_id, attempt_ids))
        .order_by(AnalysisCursor.attempt_id)
        .with_for_update(key_share=True)
    )
    found = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.started_at,
            ExamAttempt.completed_at,
            ExamAttempt.integrity_score,
            ExamAttempt.coverage,
            ExamAttempt.rulebook_version,
            ExamPolicy.settings,
            *_OBSERVATION,
        )
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .outerjoin(AnalysisCursor, AnalysisCursor.attempt_id == ExamAttempt.id)
        .where(is_among(ExamAttempt.id, attempt_ids))
        .order_by(ExamAttempt.id)
    )
    attempts = found.all()
    if len(attempts) < len(set(attempt_ids)):
        raise NotFound(f"There is no attempt {min(set(attempt_ids) - {row.id for row in attempts})}.")
    counted = await flags.read_counted_flags(conn, attempt_ids)
    observed = await _observe(conn, attempts)
    scores = [
        (row, compute_score(counted[row.id], observed[row.id], row.settings, row.rulebook_version)) for row in attempts
    ]
    changed = [(row, score) for row, score in scores if _is_changed(row, score)]
    if changed:
        await conn.execute(
            _STORE, [{"attempt": row.id, "seen": score.coverage, "whole": score.integrity} for row, score in changed]
        )
    shown = [(_row(row.id, score), _row(row.id, _stored(row))) for row, score in changed]
    return [now for now, before in shown if now != before]


async def read_observations(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, Observed]:
    """Read when these attempts ran, and when they were observed."""
    found = await conn.execute(
        select(ExamAttempt.id, ExamAttempt.started_at, ExamAttempt.completed_at, *_OBSERVATION)
        .outerjoin(AnalysisCursor, AnalysisCursor.attempt_id == ExamAttempt.id)
        .where(is_among(ExamAttempt.id, attempt_ids))
    )
    return await _observe(conn, found.all())


async def list_silent_attempts(
    conn: AsyncConnection, silent_s: float, after: UUID | None, limit: int, *, supported: Collection[int]
) -> list[SilentAttempt]:
    """List running attempts without an event for so long whose coverage can still fall, in the order of their ids."""
    waited = func.make_interval(0, 0, 0, 0, 0, 0, silent_s)
    found = await conn.execute(
        select(ExamAttempt.id, ExamAttempt.exam_id, ExamAttempt.coverage)
        .join(AnalysisCursor, AnalysisCursor.attempt_id == ExamAttempt.id)
        .where(
            text(f"exam_attempts.status IN ({RUNNING_SQL})"),
            AnalysisCursor.observed.is_not(None),
            func.coalesce(AnalysisCursor.last_event_at, ExamAttempt.started_at) < func.now() - waited,
            func.coalesce(ExamAttempt.coverage, 1) > 0,
            is_supported(supported),
            *(() if after is None else (ExamAttempt.id > after,)),
        )
        .order_by(ExamAttempt.id)
        .limit(limit)
    )
    return [SilentAttempt(*row) for row in found]


async def read_score(conn: AsyncConnection, attempt_id: UUID) -> Score:
    """Read the stored score of an attempt. Raises NotFound."""
    found = await conn.execute(
        select(ExamAttempt.integrity_score, ExamAttempt.coverage).where(ExamAttempt.id == attempt_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return Score(row.integrity_score, row.coverage)


def to_score_row(attempt_id: UUID, integrity: float | None, coverage: float | None) -> ScoreRow:
    """Return a score as the board shows it: coverage in tenths, rounded down, so that it changes rarely.

    Half is a whole tenth: a coverage shown as 0.5 or more is enough for an integrity score.
    """
    return ScoreRow(attempt_id, integrity, to_tenths(coverage))


def to_tenths(coverage: float | None) -> float | None:
    """Round a coverage down to tenths."""
    return None if coverage is None else math.floor(coverage * 10) / 10


async def _observe(conn: AsyncConnection, attempts: Sequence[Row[Any]]) -> dict[UUID, Observed]:
    """Read the connections of all attempts with one query, and add what their cursors have."""
    found = await conn.execute(
        select(Connection.attempt_id, Connection.opened_at, Connection.closed_at)
        .where(is_among(Connection.attempt_id, [row.id for row in attempts]))
        .order_by(Connection.attempt_id)
    )
    connected: Mapping[UUID, tuple[tuple[int, int | None], ...]] = {
        attempt_id: tuple((to_ms(row.opened_at), _ms(row.closed_at)) for row in rows)
        for attempt_id, rows in groupby(found, attrgetter("attempt_id"))
    }
    return {
        row.id: Observed(
            to_ms(row.started_at),
            _ms(row.completed_at),
            to_ms(row.now),
            connected.get(row.id, ()),
            _spans(row.seen) if row.is_observed else None,
            _spans(row.unobserved) if row.is_observed else (),
        )
        for row in attempts
    }


def _spans(spans: Sequence[Sequence[int]] | None) -> tuple[tuple[int, int], ...]:
    return tuple((from_ms, to_ms) for from_ms, to_ms in spans or ())


def _is_changed(row: Row[Any], score: Score) -> bool:
    """Return whether to store a score. While an attempt runs, a change of coverage within its tenth is not stored."""
    if row.completed_at is not None:
        return score != _stored(row)
    return _row(row.id, score) != _row(row.id, _stored(row))


def _row(attempt_id: UUID, score: Score) -> ScoreRow:
    return to_score_row(attempt_id, score.integrity, score.coverage)


def _stored(row: Row[Any]) -> Score:
    return Score(row.integrity_score, row.coverage)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


# An observation counts only if it covers all folded events: an older version may have folded some without it.
_OBSERVATION: Final = (
    func.clock_timestamp().label("now"),
    AnalysisCursor.observed["seen"].label("seen"),
    AnalysisCursor.observed["unobserved"].label("unobserved"),
    func.coalesce(
        AnalysisCursor.facts == func.coalesce(cast(AnalysisCursor.observed["events"].astext, BigInteger), 0), false()
    ).label("is_observed"),
)
_STORE: Final = (
    update(ExamAttempt)
    .where(ExamAttempt.id == bindparam("attempt"))
    .values(integrity_score=bindparam("whole"), coverage=bindparam("seen"))
)
