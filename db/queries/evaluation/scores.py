"""Scores: an attempt's provisional integrity and coverage, from the flags that stand and the connections there were.

The formulas are the caller's, not ours.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import AnalysisCursor, Connection, ExamAttempt, ExamPolicy
from db.queries.evaluation import flags
from db.queries.evaluation.cursors import is_among
from protocol.analysis import Observed, Score
from protocol.console import ScoreRow
from protocol.flags import CountedFlag

Judge = Callable[[Sequence[CountedFlag], Observed, dict[str, Any], int], Score]
"""Standing flags, what was observed, a policy's settings and its rulebook's version give a score."""


async def rescore(conn: AsyncConnection, attempt_id: UUID, judge: Judge) -> ScoreRow | None:
    """Judge an attempt anew and store it; returns the row for the feed, or None when what is shown is as it was.

    Raises NotFound.
    """
    changed = await rescore_all(conn, [attempt_id], judge)
    return changed[0] if changed else None


async def rescore_all(conn: AsyncConnection, attempt_ids: Collection[UUID], judge: Judge) -> list[ScoreRow]:
    """Judge some attempts anew and store what changed; returns the rows for the feed, of what is shown otherwise now.

    Locks the attempts' cursors until COMMIT before it reads their flags: a review in a hub and a fold in a worker
    follow each other, and neither loses the other's score. Raises NotFound.
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
            func.clock_timestamp().label("now"),
        )
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(is_among(ExamAttempt.id, attempt_ids))
        .order_by(ExamAttempt.id)
    )
    attempts = found.all()
    if len(attempts) < len(set(attempt_ids)):
        raise NotFound(f"There is no attempt {min(set(attempt_ids) - {row.id for row in attempts})}.")
    standing = await flags.read_counted_flags(conn, attempt_ids)
    observed = await _observe(conn, attempts)
    scores = [(row, judge(standing[row.id], observed[row.id], row.settings, row.rulebook_version)) for row in attempts]
    changed = [(row, score) for row, score in scores if _is_changed(row, score)]
    if changed:
        await conn.execute(
            _STORE, [{"attempt": row.id, "seen": score.coverage, "whole": score.integrity} for row, score in changed]
        )
    shown = [(_row(row.id, score), _row(row.id, _stored(row))) for row, score in changed]
    return [now for now, before in shown if now != before]


async def read_observations(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, Observed]:
    """What was seen of each of these attempts: when they ran, and when a client was connected."""
    found = await conn.execute(
        select(
            ExamAttempt.id, ExamAttempt.started_at, ExamAttempt.completed_at, func.clock_timestamp().label("now")
        ).where(is_among(ExamAttempt.id, attempt_ids))
    )
    return await _observe(conn, found.all())


async def read_score(conn: AsyncConnection, attempt_id: UUID) -> Score:
    """Read the score that is stored with an attempt. Raises NotFound."""
    found = await conn.execute(
        select(ExamAttempt.integrity_score, ExamAttempt.coverage).where(ExamAttempt.id == attempt_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return Score(row.integrity_score, row.coverage)


def to_score_row(attempt_id: UUID, integrity: float | None, coverage: float | None) -> ScoreRow:
    """A score as the board shows it: coverage in whole tenths, rounded down, so that it changes now and then.

    Half is a whole tenth: what is shown as a half or more is enough for an integrity.
    """
    return ScoreRow(attempt_id, integrity, None if coverage is None else math.floor(coverage * 10) / 10)


async def _observe(conn: AsyncConnection, attempts: Sequence[Row[Any]]) -> dict[UUID, Observed]:
    """One look at the connections of all attempts."""
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
        row.id: Observed(to_ms(row.started_at), _ms(row.completed_at), to_ms(row.now), connected.get(row.id, ()))
        for row in attempts
    }


def _is_changed(row: Row[Any], score: Score) -> bool:
    """Whether a score is worth storing: a coverage that moves within its tenth is not, until it is the last one."""
    if row.completed_at is not None:
        return score != _stored(row)
    return _row(row.id, score) != _row(row.id, _stored(row))


def _row(attempt_id: UUID, score: Score) -> ScoreRow:
    return to_score_row(attempt_id, score.integrity, score.coverage)


def _stored(row: Row[Any]) -> Score:
    return Score(row.integrity_score, row.coverage)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


_STORE: Final = (
    update(ExamAttempt)
    .where(ExamAttempt.id == bindparam("attempt"))
    .values(integrity_score=bindparam("whole"), coverage=bindparam("seen"))
)
