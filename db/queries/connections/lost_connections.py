"""Lost connections: find running attempts without a connection, and record that.

The newest connection of an attempt tells whether it is open, or when it was closed. One worker at a time searches and
records, so no loss is recorded twice; an attempt whose candidate reconnects meanwhile is left out. Never raises a flag.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Double, Integer, Uuid, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models.attempts import RUNNING_SQL
from db.queries.events.system_events import ServerEvent, append_to_each
from protocol.limits import SILENT_MS

GRACE_S: Final = 20
"""How long a client may be gone before that counts as a loss. Ordinary interruptions end within seconds."""

SILENT_S: Final = SILENT_MS // 1000
"""How long a client must be gone before its silence is recorded. A cohort outage is detected before that."""

NEAR_S: Final = 10
"""Losses between this age and `GRACE_S` are not reported yet, but count for the outage of others."""

REMEMBERED_S: Final = 60
"""How long after its loss a client whose silence is recorded counts for the outage of others."""

WITHIN_S: Final = 300.0
"""How far back a poll reads."""

_LOCK: Final = 0x5645_5249_5349_4C45
"""Advisory lock for recording losses; the number is arbitrary."""


class LostClient(msgspec.Struct, frozen=True):
    """A running attempt whose newest connection is closed. `outage` and `is_silent` are what is recorded already."""

    attempt_id: UUID
    exam_id: UUID
    generation: int
    lost_at_ms: int
    away_ms: int
    outage: UUID | None
    is_silent: bool


class OutageEvent(msgspec.Struct, frozen=True):
    """Data of the event `cohort_outage`: `lost` of the `of` clients that were online were lost together.

    `group` identifies the outage.
    """

    group: UUID
    lost: int
    of: int


class LossReport(msgspec.Struct, frozen=True):
    """The events to record for one loss: the outage that it is part of, its silence, or both."""

    client: LostClient
    outage: OutageEvent | None
    is_silent: bool


async def try_lock(conn: AsyncConnection) -> bool:
    """Try to become the one worker that records losses until the transaction ends. False: another worker is."""
    return bool((await conn.execute(select(func.pg_try_advisory_xact_lock(_LOCK)))).scalar_one())


# As text with constants, so that the planner can use a partial index.
_RUNNING: Final = f"attempt.status IN ({RUNNING_SQL})"
_AWAY: Final = text(
    f"""
    SELECT attempt.id, attempt.exam_id, attempt.generation,
           (extract(epoch FROM connection.closed_at) * 1000)::bigint AS lost_at_ms,
           (extract(epoch FROM clock_timestamp() - connection.closed_at) * 1000)::bigint AS away_ms,
           connection.outage, attempt.silent_since IS NOT NULL AS is_silent
    FROM connections AS connection
    JOIN exam_attempts AS attempt
      ON attempt.id = connection.attempt_id AND attempt.generation = connection.generation
    WHERE connection.closed_at < now() - make_interval(secs => {NEAR_S})
      AND connection.closed_at > now() - make_interval(secs => :within_s)
      AND (attempt.deadline IS NULL OR connection.closed_at < attempt.deadline)
      AND {_RUNNING}
      AND (attempt.silent_since IS NULL OR attempt.silent_since > now() - make_interval(secs => {REMEMBERED_S}))
    ORDER BY connection.closed_at, attempt.id
    """  # noqa: S608 - constants
).bindparams(bindparam("within_s", type_=Double))
_ONLINE: Final = text(
    f"""
    SELECT attempt.exam_id, count(*) AS online
    FROM exam_attempts AS attempt
    JOIN connections AS connection
      ON connection.attempt_id = attempt.id AND connection.generation = attempt.generation
    WHERE {_RUNNING} AND attempt.exam_id = ANY (:exams) AND connection.closed_at IS NULL
    GROUP BY attempt.exam_id
    """  # noqa: S608 - constants
).bindparams(bindparam("exams", type_=ARRAY(Uuid)))


async def list_lost_clients(conn: AsyncConnection, within_s: float = WITHIN_S) -> list[LostClient]:
    """List running attempts whose client is gone for `NEAR_S` to `within_s` seconds, the longest first.

    Leaves out clients whose silence was recorded more than `REMEMBERED_S` ago, clients that never connected, and
    clients that left after the deadline.
    """
    return [LostClient(*row) for row in await conn.execute(_AWAY, {"within_s": within_s})]


async def count_online(conn: AsyncConnection, exam_ids: Collection[UUID]) -> dict[UUID, int]:
    """Count the connected running attempts of each exam. An exam without any is left out."""
    if not exam_ids:
        return {}
    found = await conn.execute(_ONLINE, {"exams": list(exam_ids)})
    return {row.exam_id: row.online for row in found}


_HOLD: Final = text(
    f"""
    SELECT attempt.id FROM exam_attempts AS attempt
    JOIN unnest(:attempts, :generations) AS lost (attempt_id, generation)
      ON lost.attempt_id = attempt.id AND lost.generation = attempt.generation
    WHERE {_RUNNING} ORDER BY attempt.id FOR NO KEY UPDATE OF attempt SKIP LOCKED
    """  # noqa: S608 - constants
).bindparams(bindparam("attempts", type_=ARRAY(Uuid)), bindparam("generations", type_=ARRAY(Integer)))
_SET_OUTAGE: Final = text(
    """
    UPDATE connections SET outage = loss.outage
    FROM unnest(:attempts, :generations, :outages) AS loss (attempt_id, generation, outage)
    WHERE connections.attempt_id = loss.attempt_id AND connections.generation = loss.generation
    """
).bindparams(
    bindparam("attempts", type_=ARRAY(Uuid)),
    bindparam("generations", type_=ARRAY(Integer)),
    bindparam("outages", type_=ARRAY(Uuid)),
)
_SET_SILENT: Final = text(
    """
    UPDATE exam_attempts SET silent_since = to_timestamp(loss.lost_at_ms / 1000.0)
    FROM unnest(:attempts, :lost_at_ms) AS loss (attempt_id, lost_at_ms) WHERE exam_attempts.id = loss.attempt_id
    """
).bindparams(bindparam("attempts", type_=ARRAY(Uuid)), bindparam("lost_at_ms", type_=ARRAY(BigInteger)))


async def record_losses(conn: AsyncConnection, reports: Sequence[LossReport]) -> list[LossReport]:
    """Record outages and silences, in that order for each attempt; return what was recorded.

    Call it only under the lock of `try_lock`. Leaves out attempts whose client has reconnected, or is reconnecting.
    """
    if not reports:
        return []
    locked = await conn.execute(
        _HOLD,
        {
            "attempts": [report.client.attempt_id for report in reports],
            "generations": [report.client.generation for report in reports],
        },
    )
    still = set(locked.scalars())
    recorded = [report for report in reports if report.client.attempt_id in still]
    await _mark(conn, recorded)
    await append_to_each(conn, {report.client.attempt_id: _events(report) for report in recorded})
    return recorded


async def _mark(conn: AsyncConnection, recorded: Sequence[LossReport]) -> None:
    outages = [
        (report.client.attempt_id, report.client.generation, report.outage.group)
        for report in recorded
        if report.outage is not None
    ]
    if outages:
        await conn.execute(_SET_OUTAGE, _columns(outages, "attempts", "generations", "outages"))
    silent = [(report.client.attempt_id, report.client.lost_at_ms) for report in recorded if report.is_silent]
    if silent:
        await conn.execute(_SET_SILENT, _columns(silent, "attempts", "lost_at_ms"))


def _columns(rows: Sequence[tuple[Any, ...]], *names: str) -> Mapping[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _events(report: LossReport) -> list[ServerEvent]:
    events = []
    if report.outage is not None:
        data = {"group": str(report.outage.group), "lost": report.outage.lost, "of": report.outage.of}
        events.append(ServerEvent("cohort_outage", data))
    if report.is_silent:
        events.append(ServerEvent("heartbeat_missed", {"since": report.client.lost_at_ms}))
    return events
