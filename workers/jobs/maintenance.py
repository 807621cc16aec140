"""Maintenance: create partitions ahead, and delete expired credentials and keys, old feed rows and ended leases.

It never changes an event, a flag or a score, and no other job waits for it.
"""

from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY, LOCK_NOT_AVAILABLE, sqlstate_of
from db.queries import feed
from db.queries.accounts import credentials, devices, idempotency_keys
from db.queries.connections import hub_leases
from db.queries.events import partitions

log = structlog.get_logger(__name__)

EVERY_S: Final = 3600.0


async def run_maintenance(engine: AsyncEngine) -> None:
    """Do everything that is due. Safe to repeat, by any number of workers.

    A part that fails does not stop the others. Raises an AWAY error if all failures are, otherwise an ExceptionGroup.
    """
    failed: list[Exception] = []
    parts = {
        "partitions": _create_partitions,
        "credentials": _delete_credentials,
        "idempotency keys": _delete_idempotency_keys,
        "leases": _delete_leases,
        "feeds": _trim_feeds,
    }
    for name, part in parts.items():
        try:
            await part(engine)
        except Exception as error:
            log.warning("maintenance failed", part=name, error=type(error).__name__)
            failed.append(error)
    if failed:
        raise failed[0] if all(isinstance(error, AWAY) for error in failed) else ExceptionGroup("maintenance", failed)


async def _create_partitions(engine: AsyncEngine) -> None:
    """Create them, unless a long query reads the events now: they are created days ahead, so this can wait."""
    try:
        async with engine.begin() as conn:
            await partitions.limit_lock_wait(conn)
            created = await partitions.create_partitions(conn)
    except DBAPIError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            raise
        log.info("partitions postponed")
        return
    if created:
        log.info("partitions created", names=created)


async def _delete_credentials(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await credentials.delete_expired(conn)
        await devices.delete_unused(conn)


async def _delete_idempotency_keys(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await idempotency_keys.delete_old(conn)


async def _delete_leases(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await hub_leases.delete_ended_leases(conn)


async def _trim_feeds(engine: AsyncEngine) -> None:
    trimmed = feed.TRIMMED_AT_ONCE
    while trimmed == feed.TRIMMED_AT_ONCE:
        async with engine.begin() as conn:
            trimmed = await feed.trim_feeds(conn)
