"""Upkeep: partitions ahead of the events to come; what is past its use goes: credentials, old feed rows, ended leases.

It never touches a fact or a judgement, and never makes those who do wait.
"""

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import LOCK_NOT_AVAILABLE, sqlstate_of
from db.queries import feed
from db.queries.accounts import credentials
from db.queries.connections import hub_leases
from db.queries.events import partitions

log = structlog.get_logger(__name__)


async def keep_up(engine: AsyncEngine) -> None:
    """Do everything that is due; safe to repeat, by any number of workers.

    What fails leaves the rest undisturbed. Raises an ExceptionGroup of what PostgreSQL's absence raises.
    """
    failed: list[Exception] = []
    parts = {
        "partitions": _make_partitions,
        "credentials": _forget_credentials,
        "leases": _forget_leases,
        "feeds": _trim_feeds,
    }
    for name, part in parts.items():
        try:
            await part(engine)
        except Exception as error:
            log.warning("upkeep failed", part=name, error=type(error).__name__)
            failed.append(error)
    if failed:
        raise ExceptionGroup("upkeep", failed)


async def _make_partitions(engine: AsyncEngine) -> None:
    """Make them, unless somebody reads the events at length just now: they are made days ahead, and it can wait."""
    try:
        async with engine.begin() as conn:
            await partitions.limit_lock_wait(conn)
            created = await partitions.create_partitions(conn)
    except DBAPIError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            raise
        log.info("partitions put off")
        return
    if created:
        log.info("partitions created", names=created)


async def _forget_credentials(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await credentials.delete_expired(conn)


async def _forget_leases(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await hub_leases.delete_ended_leases(conn)


async def _trim_feeds(engine: AsyncEngine) -> None:
    trimmed = feed.TRIMMED_AT_ONCE
    while trimmed == feed.TRIMMED_AT_ONCE:
        async with engine.begin() as conn:
            trimmed = await feed.trim_feeds(conn)
