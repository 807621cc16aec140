"""Silence: which running attempts are without a connection, and stating that they are; nothing follows from it here.

The newest connection of an attempt tells: open, or closed since when. One worker at a time looks and states, so two of
them never state the same twice; an attempt whose candidate says hello meanwhile is left out. No flag is written here.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Double, Integer, Uuid, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.events.system_events import ServerEvent, append_to_each

GRACE_S: Final = 20
"""How long a client may be gone before that is a loss: it comes back within seconds from what happens every day."""

SILENT_S: Final = 25
"""How long until its silence is stated: a cohort outage, between the two, comes first."""

NEAR_S: Final = 10
"""Losses so young are nobody's yet, but count for the others' outage once they are older than this."""

REMEMBERED_S: Final = 60
"""For how long, from when it was lost, a client whose silence is stated counts for the outage of others."""

WITHIN_S: Final = 300.0
"""How far back one look after another has to look."""

_LOCK: Final = 0x5645_5249_5349_4C45
"""Held by whoever states silences; any number no other lock of this database has."""


class LostClient(msgspec.Struct, frozen=True):
    """A running attempt whose newest connection is closed; `outage` and `is_silent` say what is stated already."""

    attempt_id: UUID
    exam_id: UUID
    generation: int
    lost_at_ms: int
    away_ms: int
    outage: UUID | None
    is_silent: bool


class CohortOutage(msgspec.Struct, frozen=True):
    """Many of one exam were lost together: `lost` of the `of` that were online."""

    group: UUID
    lost: int
    of: int


class LossReport(msgspec.Struct, frozen=True):
    """What is to be stated of one loss: the outage it is part of, then its silence; either, or both."""

    away: LostClient
    outage: CohortOutage | None
    is_silent: bool


async def try_lock(conn: AsyncConnection) -> bool:
    """Be the one who looks and states, until the transaction ends. False: another worker is."""
    return bool((await conn.execute(select(func.pg_try_advisory_xact_lock(_LOCK)))).scalar_one())


# As text, its constants too: only so can the planner prove that a partial index serves it.
_RUNNING: Final = "attempt.status IN ('in_progress', 'paused', 'reopened')"
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
    """Every running attempt whose client is gone for more than `NEAR_S`, at most `within_s`, the longest first.

    Whose silence is stated is left out after `REMEMBERED_S`. One that never connected is not gone, and who leaves after
    the deadline goes home.
    """
    return [LostClient(*row) for row in await conn.execute(_AWAY, {"within_s": within_s})]


async def count_online(conn: AsyncConnection, exam_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many running attempts of each exam are connected; an exam without any is left out."""
    if not exam_ids:
        return {}
    found = await conn.execute(_ONLINE, {"exams": list(exam_ids)})
    return {row.exam_id: row.online for row in found}


_HOLD: Final = text(
    f"""
    SELECT attempt.id FROM exam_attempts AS attempt
    JOIN unnest(:attempts, :generations) AS away (attempt_id, generation)
      ON away.attempt_id = attempt.id AND away.generation = attempt.generation
    WHERE {_RUNNING} ORDER BY attempt.id FOR NO KEY UPDATE OF attempt SKIP LOCKED
    """  # noqa: S608 - constants
).bindparams(bindparam("attempts", type_=ARRAY(Uuid)), bindparam("generations", type_=ARRAY(Integer)))
_SET_OUTAGE: Final = text(
    """
    UPDATE connections SET outage = told.outage
    FROM unnest(:attempts, :generations, :outages) AS told (attempt_id, generation, outage)
    WHERE connections.attempt_id = told.attempt_id AND connections.generation = told.generation
    """
).bindparams(
    bindparam("attempts", type_=ARRAY(Uuid)),
    bindparam("generations", type_=ARRAY(Integer)),
    bindparam("outages", type_=ARRAY(Uuid)),
)
_SET_SILENT: Final = text(
    """
    UPDATE exam_attempts SET silent_since = to_timestamp(told.lost_at_ms / 1000.0)
    FROM unnest(:attempts, :lost_at_ms) AS told (attempt_id, lost_at_ms) WHERE exam_attempts.id = told.attempt_id
    """
).bindparams(bindparam("attempts", type_=ARRAY(Uuid)), bindparam("lost_at_ms", type_=ARRAY(BigInteger)))


async def record_losses(conn: AsyncConnection, statements: Sequence[LossReport]) -> list[LossReport]:
    """State outages and silences, each attempt's in that order; return what was stated.

    Only while it is our turn (`take_turn`). Left out, for the next look: whoever has said hello since, or just does.
    """
    if not statements:
        return []
    held = await conn.execute(
        _HOLD,
        {
            "attempts": [one.away.attempt_id for one in statements],
            "generations": [one.away.generation for one in statements],
        },
    )
    still = set(held.scalars())
    told = [one for one in statements if one.away.attempt_id in still]
    await _mark(conn, told)
    await append_to_each(conn, {one.away.attempt_id: _facts(one) for one in told})
    return told


async def _mark(conn: AsyncConnection, told: Sequence[LossReport]) -> None:
    outages = [(one.away.attempt_id, one.away.generation, one.outage.group) for one in told if one.outage is not None]
    if outages:
        await conn.execute(_SET_OUTAGE, _columns(outages, "attempts", "generations", "outages"))
    silent = [(one.away.attempt_id, one.away.lost_at_ms) for one in told if one.is_silent]
    if silent:
        await conn.execute(_SET_SILENT, _columns(silent, "attempts", "lost_at_ms"))


def _columns(rows: Sequence[tuple[Any, ...]], *names: str) -> Mapping[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _facts(statement: LossReport) -> list[ServerEvent]:
    facts = []
    if statement.outage is not None:
        data = {"group": str(statement.outage.group), "lost": statement.outage.lost, "of": statement.outage.of}
        facts.append(ServerEvent("cohort_outage", data))
    if statement.is_silent:
        facts.append(ServerEvent("heartbeat_missed", {"since": statement.away.lost_at_ms}))
    return facts
