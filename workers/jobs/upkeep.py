"""Upkeep: partitions ahead of the events to come; what is past its use goes: credentials, old feed rows, ended leases.

It never touches a fact or a judgement.
"""

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries import credentials, feed, leases, partitions

log = structlog.get_logger(__name__)


async def keep_up(engine: AsyncEngine) -> None:
    """Do everything that is due; safe to repeat, by any number of workers. Raises what PostgreSQL's absence raises."""
    async with engine.begin() as conn:
        created = await partitions.create_ahead(conn)
    if created:
        log.info("partitions created", names=created)
    for forget in (credentials.forget_expired, leases.forget_ended):
        async with engine.begin() as conn:
            await forget(conn)
    trimmed = feed.TRIMMED_AT_ONCE
    while trimmed == feed.TRIMMED_AT_ONCE:
        async with engine.begin() as conn:
            trimmed = await feed.trim(conn)
