"""Silent clients: find running attempts whose client is connected and sends no events, and record that.

A ping shows that a client is connected, and only events show that it observes. What is searched and recorded here is
under the lock of `lost_connections.try_lock`, so no silence is recorded twice. Never raises a flag.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Double, Integer, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models.attempts import RUNNING_SQL
from db.queries.connections.lost_connections import SILENT_S
from db.queries.events.system_events import ServerEvent, append_to_each


class SilentClient(msgspec.Struct, frozen=True):
    """A running attempt whose client is connected at `hub` and has sent no event since `since_ms`."""

    attempt_id: UUID
    generation: int
    hub: UUID
    since_ms: int


class ResumedClient(msgspec.Struct, frozen=True):
    """A connected attempt whose silence of `silent_ms` was recorded, and that has sent an event since then."""

    attempt_id: UUID
    generation: int
    silent_ms: int


# As text with constants, so that the planner can use a partial index. The cursor leaves out all but a few attempts; it
# may be behind, so the last events of their streams decide.
_RUNNING: Final = f"attempt.status IN ({RUNNING_SQL})"
_OPEN: Final = """
    JOIN connections AS connection
      ON connection.attempt_id = attempt.id AND connection.generation = attempt.generation
     AND connection.closed_at IS NULL AND connection.heard_at IS NULL
    JOIN analysis_cursors AS cursor ON cursor.attempt_id = attempt.id
"""
_SILENT: Final = text(
    f"""
    SELECT attempt.id, attempt.generation, connection.hub,
           (extract(epoch FROM greatest(connection.opened_at, newest.stored_at)) * 1000)::bigint AS since_ms
    FROM exam_attempts AS attempt {_OPEN}
    LEFT JOIN LATERAL (
        SELECT max(event.server_timestamp) AS stored_at
        FROM event_streams AS stream
        CROSS JOIN LATERAL (
            SELECT server_timestamp FROM monitoring_events
            WHERE stream_id = stream.id ORDER BY seq DESC LIMIT 1
        ) AS event
        WHERE stream.attempt_id = attempt.id AND stream.kind = 'client'
    ) AS newest ON true
    WHERE {_RUNNING} AND attempt.silent_since IS NULL
      AND (attempt.deadline IS NULL OR attempt.deadline > now())
      AND connection.opened_at < now() - make_interval(secs => :silent_s)
      AND (cursor.last_event_at IS NULL OR cursor.last_event_at < now() - make_interval(secs => :silent_s))
      AND (newest.stored_at IS NULL OR newest.stored_at < now() - make_interval(secs => :silent_s))
    ORDER BY since_ms, attempt.id
    """  # noqa: S608 - constants
).bindparams(bindparam("silent_s", type_=Double))
_RESUMED: Final = text(
    f"""
    SELECT attempt.id, attempt.generation,
           (extract(epoch FROM cursor.last_event_at - attempt.silent_since) * 1000)::bigint AS silent_ms
    FROM exam_attempts AS attempt {_OPEN}
    WHERE {_RUNNING} AND cursor.last_event_at > attempt.silent_since + interval '10 milliseconds'
    ORDER BY attempt.id
    """  # noqa: S608 - constants
)
_COUNT: Final = text(
    f"""
    SELECT connection.hub, count(*) AS connected FROM exam_attempts AS attempt {_OPEN}
    WHERE {_RUNNING} AND connection.hub = ANY (:hubs) GROUP BY connection.hub
    """  # noqa: S608 - constants
).bindparams(bindparam("hubs", type_=ARRAY(Uuid)))
_KEYS: Final = (bindparam("attempts", type_=ARRAY(Uuid)), bindparam("generations", type_=ARRAY(Integer)))
_SET: Final = text(
    f"""
    WITH held AS (
        SELECT attempt.id, silent.since_ms FROM exam_attempts AS attempt
        JOIN unnest(:attempts, :generations, :since_ms) AS silent (attempt_id, generation, since_ms)
          ON silent.attempt_id = attempt.id AND silent.generation = attempt.generation
        WHERE {_RUNNING} AND attempt.silent_since IS NULL
        ORDER BY attempt.id FOR NO KEY UPDATE OF attempt SKIP LOCKED
    )
    UPDATE exam_attempts SET silent_since = to_timestamp(held.since_ms / 1000.0)
    FROM held WHERE exam_attempts.id = held.id RETURNING exam_attempts.id
    """  # noqa: S608 - constants
).bindparams(*_KEYS, bindparam("since_ms", type_=ARRAY(BigInteger)))
_CLEAR: Final = text(
    f"""
    WITH held AS (
        SELECT attempt.id FROM exam_attempts AS attempt
        JOIN unnest(:attempts, :generations) AS resumed (attempt_id, generation)
          ON resumed.attempt_id = attempt.id AND resumed.generation = attempt.generation
        WHERE {_RUNNING} AND attempt.silent_since IS NOT NULL
        ORDER BY attempt.id FOR NO KEY UPDATE OF attempt SKIP LOCKED
    )
    UPDATE exam_attempts SET silent_since = NULL FROM held WHERE exam_attempts.id = held.id RETURNING exam_attempts.id
    """  # noqa: S608 - constants
).bindparams(*_KEYS)


async def list_silent_clients(conn: AsyncConnection, silent_s: float = SILENT_S) -> list[SilentClient]:
    """List connected clients without an event for so long, the longest first. Leaves out those that are recorded."""
    return [SilentClient(*row) for row in await conn.execute(_SILENT, {"silent_s": silent_s})]


async def count_connected(conn: AsyncConnection, hubs: Collection[UUID]) -> dict[UUID, int]:
    """Count the connected running attempts of each hub."""
    if not hubs:
        return {}
    found = await conn.execute(_COUNT, {"hubs": list(hubs)})
    return {row.hub: row.connected for row in found}


async def record_silences(conn: AsyncConnection, silent: Sequence[SilentClient]) -> list[UUID]:
    """Record `heartbeat_missed` for these clients; return the attempts. Leaves out those that reconnect meanwhile."""
    if not silent:
        return []
    keys = {
        "attempts": [client.attempt_id for client in silent],
        "generations": [client.generation for client in silent],
        "since_ms": [client.since_ms for client in silent],
    }
    held = set((await conn.execute(_SET, keys)).scalars())
    events = {
        client.attempt_id: [ServerEvent("heartbeat_missed", {"since": client.since_ms, "connected": True})]
        for client in silent
        if client.attempt_id in held
    }
    await append_to_each(conn, events)
    return list(events)


async def record_resumptions(conn: AsyncConnection, limit: int) -> list[UUID]:
    """Record `heartbeat_resumed` for connected clients that send events again; return at most `limit` attempts.

    A client that was disconnected is back with its hello, which records that.
    """
    resumed = [ResumedClient(*row) for row in await conn.execute(_RESUMED)][:limit]
    if not resumed:
        return []
    keys = {
        "attempts": [client.attempt_id for client in resumed],
        "generations": [client.generation for client in resumed],
    }
    held = set((await conn.execute(_CLEAR, keys)).scalars())
    events = {
        client.attempt_id: [ServerEvent("heartbeat_resumed", {"silent_ms": client.silent_ms})]
        for client in resumed
        if client.attempt_id in held
    }
    await append_to_each(conn, events)
    return list(events)
