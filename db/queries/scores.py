"""Scores: an attempt's provisional integrity, from the flags that stand. The formula is the caller's, not ours."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.models import AnalysisCursor, ExamAttempt, ExamPolicy
from db.queries import flags
from protocol.console import ScoreRow
from protocol.flags import StandingFlag

Judge = Callable[[Sequence[StandingFlag], dict[str, Any]], float | None]
"""Standing flags and a policy's settings give an integrity, 0..1, or None: not enough was seen."""


async def rescore(conn: AsyncConnection, attempt_id: UUID, judge: Judge) -> ScoreRow | None:
    """Judge an attempt's integrity anew and store it; returns the row for the feed, or None when it is as it was.

    Locks the attempt's cursor until COMMIT before it reads the flags: a review in a hub and a fold in a worker follow
    each other, and neither loses the other's score. Raises NotFound.
    """
    await conn.execute(
        select(AnalysisCursor.attempt_id).where(AnalysisCursor.attempt_id == attempt_id).with_for_update(key_share=True)
    )
    found = await conn.execute(
        select(ExamAttempt.integrity_score, ExamPolicy.settings)
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .where(ExamAttempt.id == attempt_id)
    )
    attempt = found.one_or_none()
    if attempt is None:
        raise NotFound(f"no attempt {attempt_id}")
    integrity = judge(await flags.standing(conn, attempt_id), attempt.settings)
    if integrity == attempt.integrity_score:
        return None
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt_id).values(integrity_score=integrity))
    return ScoreRow(attempt_id, integrity)
