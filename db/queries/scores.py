"""Scores: an attempt's provisional integrity, from the flags that stand. The formula is the caller's, not ours."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, any_, bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.models import AnalysisCursor, ExamAttempt, ExamPolicy
from db.queries import flags
from protocol.console import ScoreRow
from protocol.flags import StandingFlag

Judge = Callable[[Sequence[StandingFlag], dict[str, Any], int], float | None]
"""Standing flags, a policy's settings and its rulebook's version give an integrity, 0..1; None: too little was seen."""


async def rescore(conn: AsyncConnection, attempt_id: UUID, judge: Judge) -> ScoreRow | None:
    """Judge an attempt's integrity anew and store it; returns the row for the feed, or None when it is as it was.

    Raises NotFound.
    """
    changed = await rescore_all(conn, [attempt_id], judge)
    return changed[0] if changed else None


async def rescore_all(conn: AsyncConnection, attempt_ids: Collection[UUID], judge: Judge) -> list[ScoreRow]:
    """Judge some attempts' integrity anew and store what changed; returns the rows for the feed.

    Locks the attempts' cursors until COMMIT before it reads their flags: a review in a hub and a fold in a worker
    follow each other, and neither loses the other's score. Raises NotFound.
    """
    if not attempt_ids:
        return []
    among = any_(literal(list(attempt_ids), ARRAY(PG_UUID)))
    await conn.execute(
        select(AnalysisCursor.attempt_id)
        .where(AnalysisCursor.attempt_id == among)
        .order_by(AnalysisCursor.attempt_id)
        .with_for_update(key_share=True)
    )
    found = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.integrity_score,
            ExamAttempt.coverage,
            ExamAttempt.rulebook_version,
            ExamPolicy.settings,
        )
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(ExamAttempt.id == among)
        .order_by(ExamAttempt.id)
    )
    attempts = found.all()
    if len(attempts) < len(set(attempt_ids)):
        raise NotFound(f"no attempt {min(set(attempt_ids) - {row.id for row in attempts})}")
    standing = await flags.standing(conn, attempt_ids)
    scores = [(row, judge(standing[row.id], row.settings, row.rulebook_version)) for row in attempts]
    changed = [row_of(row.id, integrity, row.coverage) for row, integrity in scores if integrity != row.integrity_score]
    if changed:
        await conn.execute(_STORE, [{"attempt": row.attempt_id, "integrity": row.integrity} for row in changed])
    return changed


def row_of(attempt_id: UUID, integrity: float | None, coverage: float | None) -> ScoreRow:
    """A score as the board shows it: coverage in tenths, so that it changes now and then and not with every event."""
    return ScoreRow(attempt_id, integrity, None if coverage is None else round(coverage, 1))


_STORE: Final = (
    update(ExamAttempt).where(ExamAttempt.id == bindparam("attempt")).values(integrity_score=bindparam("integrity"))
)
