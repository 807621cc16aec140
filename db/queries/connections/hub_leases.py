"""Leases of hubs: which hub processes are alive, and closing the connections of dead ones.

An ended lease is never renewed: its hub continues with a new id. Connections of a hub that never had a lease are not
touched. Never writes to a feed.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, exists, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import SQLCoreOperations

from db.models import Connection, HubLease
from db.queries.events.system_events import ServerEvent, append_to_each

LEASE_S: Final = 10
"""How long a hub counts as alive after it renewed its lease."""

HUB_GONE: Final = "hub_gone"
"""The cause of a connection's end when its hub could not close it."""

CLOSED_AT_ONCE: Final = 200
KEPT: Final = timedelta(days=7)
"""How long an ended lease is kept."""


class Orphan(msgspec.Struct, frozen=True):
    """A connection of a dead hub, after it was closed."""

    attempt_id: UUID
    exam_id: UUID
    generation: int
    is_newest: bool


async def take_lease(conn: AsyncConnection, hub: UUID) -> None:
    """Begin the lease of a hub with a new id."""
    await conn.execute(insert(HubLease).values(hub=hub, expires_at=_expiry()))


async def renew_lease(conn: AsyncConnection, hub: UUID) -> bool:
    """Extend a lease by `LEASE_S`. False: the lease was ended, and the connections of this hub with it."""
    renewed = await conn.execute(
        update(HubLease)
        .where(HubLease.hub == hub, HubLease.ended_at.is_(None))
        .values(expires_at=_expiry())
        .returning(HubLease.hub)
    )
    return renewed.one_or_none() is not None


async def release_lease(conn: AsyncConnection, hub: UUID) -> None:
    """End the lease of a hub that shuts down. `end_dead_leases` closes the connections that it left open."""
    await conn.execute(
        update(HubLease).where(HubLease.hub == hub, HubLease.ended_at.is_(None)).values(ended_at=func.clock_timestamp())
    )


async def end_dead_leases(conn: AsyncConnection, limit: int = CLOSED_AT_ONCE) -> list[tuple[UUID, UUID]]:
    """End expired leases, and close up to `limit` connections of dead hubs; return (attempt, exam) of each.

    Call it again, in a new transaction, while it returns as many as `limit`. Several workers may call it at the same
    time. A connection ends when its hub was last known to be alive. It gets an event `connection_lost` while it is the
    newest of its attempt.
    """
    await conn.execute(
        update(HubLease)
        .where(HubLease.ended_at.is_(None), HubLease.expires_at < func.clock_timestamp())
        .values(ended_at=func.clock_timestamp())
    )
    orphans = await _close_orphans(conn, limit)
    await append_to_each(
        conn,
        {
            orphan.attempt_id: [ServerEvent("connection_lost", {"cause": HUB_GONE, "generation": orphan.generation})]
            for orphan in orphans
            if orphan.is_newest
        },
    )
    return [(orphan.attempt_id, orphan.exam_id) for orphan in orphans]


async def delete_ended_leases(conn: AsyncConnection) -> int:
    """Delete leases that ended long ago and have no open connection; return how many."""
    left_open = exists().where(Connection.hub == HubLease.hub, Connection.closed_at.is_(None))
    gone = await conn.execute(delete(HubLease).where(HubLease.ended_at < func.clock_timestamp() - KEPT, ~left_open))
    return gone.rowcount


def is_dead(hub: SQLCoreOperations[UUID]) -> ColumnElement[bool]:
    """Return whether the lease of a hub has ended or expired. A hub that never had a lease is not known to be dead."""
    ended = HubLease.ended_at.is_not(None) | (HubLease.expires_at < func.clock_timestamp())
    return select(HubLease.hub).where(HubLease.hub == hub, ended).exists()


# As text: Core has no FOR UPDATE inside an UPDATE's FROM.
_CLOSE: Final = text(
    """
    UPDATE connections SET cause = :cause, closed_at = greatest(connections.opened_at, dead.alive_at)
    FROM (
        SELECT attempt_id, connections.generation, hub_leases.expires_at - cast(:lease AS interval) AS alive_at,
               exam_attempts.exam_id, exam_attempts.generation AS newest
        FROM hub_leases
        JOIN connections ON connections.hub = hub_leases.hub AND connections.closed_at IS NULL
        JOIN exam_attempts ON exam_attempts.id = connections.attempt_id
        WHERE hub_leases.ended_at IS NOT NULL
        LIMIT :limit
        FOR NO KEY UPDATE OF connections SKIP LOCKED
    ) AS dead
    WHERE connections.attempt_id = dead.attempt_id AND connections.generation = dead.generation
    RETURNING connections.attempt_id, dead.exam_id, connections.generation, connections.generation = dead.newest
    """
)


async def _close_orphans(conn: AsyncConnection, limit: int) -> list[Orphan]:
    closed = await conn.execute(_CLOSE, {"cause": HUB_GONE, "lease": timedelta(seconds=LEASE_S), "limit": limit})
    return [Orphan(*row) for row in closed]


def _expiry() -> ColumnElement[object]:
    return func.clock_timestamp() + timedelta(seconds=LEASE_S)
