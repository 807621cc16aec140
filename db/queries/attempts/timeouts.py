"""Whose time is over, and whether it may be called over now. Nothing is ended here.

An outage is never the student's time: while no hub lives, and for a while after, nobody could answer or hand in.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Interval, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models.attempts import RUNNING_SQL
from protocol.attempts import AttemptStatus

GRACE_S: Final = 5
"""How long after the deadline a time-out waits: a client's last batch may take so long until it is stored, and its own
submission at the deadline goes first."""

PATIENCE_S: Final = 120
"""How long after an outage no deadline is enforced: everybody has time to come back and hand in."""

# As text, its constants too: only so can the planner prove that a partial index serves it.
_DUE: Final = text(
    f"""
    SELECT id FROM exam_attempts
    WHERE status IN ({RUNNING_SQL}) AND status = ANY (:sources)
      AND deadline < clock_timestamp() - interval '{GRACE_S} seconds' AND id <> ALL (:besides)
    ORDER BY deadline
    LIMIT :limit
    """  # noqa: S608 - constants
).bindparams(bindparam("sources", type_=ARRAY(Text)), bindparam("besides", type_=ARRAY(Uuid)))

# A hub that was given up lived until its lease ran out, however much later that was found.
_IS_STEADY: Final = text(
    """
    SELECT pg_postmaster_start_time() < clock_timestamp() - :patience AND coalesce(
        range_agg(tstzrange(taken_at, greatest(taken_at, least(ended_at, expires_at))))
            @> tstzrange(clock_timestamp() - :patience, clock_timestamp()),
        false
    )
    FROM hub_leases
    """
).bindparams(bindparam("patience", timedelta(seconds=PATIENCE_S), Interval))


async def has_been_available(conn: AsyncConnection) -> bool:
    """Whether PostgreSQL runs, and at least one hub has lived, without a gap for `PATIENCE_S`."""
    return bool((await conn.execute(_IS_STEADY)).scalar_one())


async def list_overdue(
    conn: AsyncConnection, sources: Collection[AttemptStatus], *, besides: Collection[UUID] = (), limit: int = 200
) -> list[UUID]:
    """Attempts of these statuses whose deadline is over for longer than `GRACE_S`, the longest first."""
    wanted = {"sources": list(sources), "besides": list(besides), "limit": limit}
    return list((await conn.execute(_DUE, wanted)).scalars())
