"""Reports of services about an attempt.

A report must never affect a score, even if a reviewer confirms one of its flags.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, bindparam, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import BehaviorAnalysis, Flag
from db.queries.evaluation.flags import EventId

# As text: Core has no plain way to number what unnest gives.
_MISSING: Final = text(
    """
    SELECT cited.place
    FROM unnest(:streams, :seqs) WITH ORDINALITY AS cited (stream_id, seq, place)
    WHERE NOT EXISTS (
        SELECT FROM monitoring_events JOIN event_streams ON event_streams.id = monitoring_events.stream_id
        WHERE monitoring_events.stream_id = cited.stream_id AND monitoring_events.seq = cited.seq
            AND event_streams.attempt_id = :attempt
    )
    ORDER BY cited.place
    """
).bindparams(bindparam("streams", type_=ARRAY(PG_UUID)), bindparam("seqs", type_=ARRAY(BigInteger)))


async def find_missing_events(conn: AsyncConnection, attempt_id: UUID, cited: Sequence[EventId]) -> list[int]:
    """Return which of these are not events of this attempt, as positions in the list, from 0."""
    if not cited:
        return []
    found = await conn.execute(
        _MISSING,
        {"attempt": attempt_id, "streams": [stream for stream, _ in cited], "seqs": [seq for _, seq in cited]},
    )
    return [place - 1 for place in found.scalars()]


async def add_indicators(conn: AsyncConnection, attempt_id: UUID, by: str, indicators: Sequence[str]) -> None:
    """Add originality indicators to the analysis of an attempt, if it has one. No score changes."""
    if indicators:
        added: list[dict[str, Any]] = [{"text": indicator, "cited": [], "by": by} for indicator in indicators]
        await conn.execute(
            update(BehaviorAnalysis)
            .where(BehaviorAnalysis.attempt_id == attempt_id)
            .values(originality_indicators=BehaviorAnalysis.originality_indicators + literal(added, JSONB))
        )


async def read_reported_flags(conn: AsyncConnection, attempt_id: UUID, rule: str, report_id: UUID) -> dict[str, UUID]:
    """Read the flags of a report, by their episode keys."""
    found = await conn.execute(
        select(Flag.episode_key, Flag.id).where(
            Flag.attempt_id == attempt_id,
            Flag.rule == rule,
            func.starts_with(Flag.episode_key, f"{report_id}:"),
        )
    )
    return {row.episode_key: row.id for row in found}
