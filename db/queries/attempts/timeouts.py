"""Find attempts whose deadline has passed, and whether deadlines may be enforced now.

Never ends an attempt, and never enforces a deadline during an outage or shortly after it: students could not submit.
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
"""How long after the deadline a time-out waits.

The last batch of a client may still be on its way, and its own submission at the deadline goes first.
"""

PATIENCE_S: Final = 120
"""How long after an outage no deadline is enforced, so that all students can return and submit."""

# As text with constants, so that the planner can use a partial index.
_DUE: Final = text(
    f"""
    SELECT id FROM exam_attempts
    WHERE status IN ({RUNNING_SQL}) AND status = ANY (:sources)
      AND deadline < clock_timestamp() - interval '{GRACE_S} seconds' AND id <> ALL (:excluded)
    ORDER BY deadline
    LIMIT :limit
    """  # noqa: S608 - constants
).bindparams(bindparam("sources", type_=ARRAY(Text)), bindparam("excluded", type_=ARRAY(Uuid)))

# A dead hub counts as alive until its lease expired, even when that was found later.
_HAS_BEEN_AVAILABLE: Final = text(
    """
    SELECT pg_postmaster_start_time() < clock_timestamp() - :patience AND coalesce(
        range_agg(tstzrange(taken_at, greatest(taken_at, least(ended_at, expires_at))))
            @> tstzrange(clock_timestamp() - :patience, clock_timestamp()),
        false
    )
    FROM hub_leases
    """
).bindparams(bindparam("patience", type_=Interval))


async def has_been_available(conn: AsyncConnection, patience_s: float = PATIENCE_S) -> bool:
    """Return whether PostgreSQL and at least one hub have run without a gap for `patience_s`."""
    found = await conn.execute(_HAS_BEEN_AVAILABLE, {"patience": timedelta(seconds=patience_s)})
    return bool(found.scalar_one())


async def list_overdue(
    conn: AsyncConnection, sources: Collection[AttemptStatus], *, excluded: Collection[UUID] = (), limit: int = 200
) -> list[UUID]:
    """List attempts of these statuses whose deadline passed more than `GRACE_S` ago, the oldest deadline first."""
    wanted = {"sources": list(sources), "excluded": list(excluded), "limit": limit}
    return list((await conn.execute(_DUE, wanted)).scalars())
