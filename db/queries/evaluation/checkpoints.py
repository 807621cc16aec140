"""Read folded events again, in the stored fold order: after a checkpoint, or from the first event.

Never moves a cursor.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, false, func, literal, select, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.fold_order import Run, last_folded
from db.models import AnalysisCursor, BehaviorAnalysis, EventStream, ExamAttempt, ExamPolicy
from db.queries.evaluation.cursors import EVENT, Cursor, to_events
from protocol.analysis import AnalysisState
from protocol.events import StoredEvent


class Checkpoint(msgspec.Struct, frozen=True):
    """The point at which a fold can continue: a stored state, and the events folded after it, in order."""

    state: bytes
    events: Sequence[StoredEvent]


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """One folded attempt: rules and policy, positions and order, the stored score, and what was observed, as JSON.

    `is_concluded`: it was analyzed after its end, and the input of the analysis has not changed since.
    `is_past_retention`: its events are deleted after their time, so it cannot be folded again.
    """

    attempt_id: UUID
    rulebook_version: int
    policy_id: UUID
    policy_version: int
    policy: dict[str, Any]
    positions: dict[UUID, int]
    fold_order: list[Run]
    facts: int
    integrity: float | None
    coverage: float | None
    is_concluded: bool
    observed: dict[str, Any] | None = None
    is_past_retention: bool = False


async def read_checkpoints(conn: AsyncConnection, cursors: Sequence[Cursor]) -> dict[UUID, Checkpoint]:
    """Read the checkpoints of claimed attempts, each with the events folded after it."""
    if not cursors:
        return {}
    after = AnalysisCursor.facts - AnalysisCursor.checkpoint_facts
    # There are at most as many runs as events, so the whole order need not leave PostgreSQL.
    runs = func.jsonb_path_query_array(
        AnalysisCursor.fold_order, text("'$[last - $n to last]'"), func.jsonb_build_object("n", after)
    )
    found = await conn.execute(
        select(AnalysisCursor.attempt_id, AnalysisCursor.state, runs.label("runs")).where(
            AnalysisCursor.attempt_id == any_(literal([cursor.attempt_id for cursor in cursors], ARRAY(PG_UUID)))
        )
    )
    stored = {row.attempt_id: row for row in found}
    events = await _read_last(conn, cursors)
    return {
        cursor.attempt_id: Checkpoint(
            state=stored[cursor.attempt_id].state,
            events=last_folded(
                msgspec.convert(stored[cursor.attempt_id].runs, list[Run]),
                {stream.stream_id: events.get(stream.stream_id, []) for stream in cursor.streams},
                cursor.facts - cursor.checkpoint_facts,
            ),
        )
        for cursor in cursors
    }


async def list_folded(conn: AsyncConnection, after: UUID | None, limit: int) -> list[Folded]:
    """List folded attempts in the order of their ids, after this id."""
    is_concluded = func.coalesce(BehaviorAnalysis.state == AnalysisState.DONE, false())
    page = (
        select(
            AnalysisCursor.attempt_id,
            AnalysisCursor.positions,
            AnalysisCursor.fold_order,
            AnalysisCursor.facts,
            AnalysisCursor.observed,
            ExamAttempt.rulebook_version,
            ExamAttempt.policy_id,
            ExamAttempt.integrity_score.label("integrity"),
            ExamAttempt.coverage,
            is_concluded.label("is_concluded"),
            ExamAttempt.events_deleted_at.is_not(None).label("is_past_retention"),
            ExamPolicy.version.label("policy_version"),
            ExamPolicy.settings.label("policy"),
        )
        .join(ExamAttempt, ExamAttempt.id == AnalysisCursor.attempt_id)
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .outerjoin(BehaviorAnalysis, BehaviorAnalysis.attempt_id == AnalysisCursor.attempt_id)
        .order_by(AnalysisCursor.attempt_id)
        .limit(limit)
    )
    found = await conn.execute(page if after is None else page.where(AnalysisCursor.attempt_id > after))
    return msgspec.convert([dict(row) for row in found.mappings()], list[Folded])


async def read_streams(conn: AsyncConnection, attempt_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, int]]:
    """Read the streams of each of these attempts, with their time bases."""
    found = await conn.execute(
        select(EventStream.attempt_id, EventStream.id, EventStream.time_base).where(
            EventStream.attempt_id == any_(literal(list(attempt_ids), ARRAY(PG_UUID)))
        )
    )
    streams: dict[UUID, dict[UUID, int]] = {attempt_id: {} for attempt_id in attempt_ids}
    for row in found:
        streams[row.attempt_id][row.id] = row.time_base
    return streams


async def count_folded(conn: AsyncConnection) -> int:
    """Count the folded events of all attempts."""
    found = await conn.execute(select(func.coalesce(func.sum(AnalysisCursor.facts), 0)))
    return int(found.scalar_one())


async def read_runs(
    conn: AsyncConnection, runs: Sequence[Run], time_bases: Mapping[UUID, int], most: int
) -> list[StoredEvent]:
    """Read the first `most` events of each run, run after run. Numbers without a row are left out."""
    found = await conn.execute(
        _RUNS,
        {
            "streams": [run.stream_id for run in runs],
            "firsts": [run.first for run in runs],
            "lasts": [run.last for run in runs],
            "most": most,
        },
    )
    return to_events(found, time_bases)


_RUNS: Final = text(
    f"""
    SELECT event.*
    FROM unnest(:streams, :firsts, :lasts) WITH ORDINALITY AS run (stream_id, first, last, n)
    CROSS JOIN LATERAL (
        SELECT {EVENT} FROM monitoring_events WHERE stream_id = run.stream_id AND seq BETWEEN run.first AND run.last
        ORDER BY seq
        LIMIT :most
    ) AS event
    ORDER BY run.n, event.seq
    """  # noqa: S608 - a constant
).bindparams(
    bindparam("streams", type_=ARRAY(PG_UUID)),
    bindparam("firsts", type_=ARRAY(BigInteger)),
    bindparam("lasts", type_=ARRAY(BigInteger)),
    bindparam("most"),
)

_LAST: Final = text(
    f"""
    SELECT event.*
    FROM unnest(:streams, :positions) AS claimed (stream_id, position)
    CROSS JOIN LATERAL (
        SELECT {EVENT} FROM monitoring_events WHERE stream_id = claimed.stream_id AND seq <= claimed.position
        ORDER BY seq DESC
        LIMIT :most
    ) AS event
    ORDER BY event.stream_id, event.seq
    """  # noqa: S608 - a constant
).bindparams(
    bindparam("streams", type_=ARRAY(PG_UUID)), bindparam("positions", type_=ARRAY(BigInteger)), bindparam("most")
)


async def _read_last(conn: AsyncConnection, cursors: Sequence[Cursor]) -> dict[UUID, list[StoredEvent]]:
    """Read the last folded events of each stream, as many as any of these attempts folded since its checkpoint."""
    since = {cursor.attempt_id: cursor.facts - cursor.checkpoint_facts for cursor in cursors}
    streams = [stream for cursor in cursors if since[cursor.attempt_id] for stream in cursor.streams]
    if not streams:
        return {}
    found = await conn.execute(
        _LAST,
        {
            "streams": [stream.stream_id for stream in streams],
            "positions": [stream.position for stream in streams],
            "most": max(since.values()),
        },
    )
    events = to_events(found, {stream.stream_id: stream.time_base for stream in streams})
    return {stream_id: list(group) for stream_id, group in groupby(events, attrgetter("stream_id"))}
