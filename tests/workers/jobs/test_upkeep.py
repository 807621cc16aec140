from datetime import timedelta

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.models import WsTicket
from db.partitions import DAYS_AHEAD
from db.queries import partitions
from tests.factories import make_user
from workers.jobs.upkeep import keep_up


async def test_partitions_are_made_ahead_again(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        now = (await conn.execute(text("SELECT now() AT TIME ZONE 'UTC'"))).scalar_one()
        await conn.execute(text(f"DROP TABLE monitoring_events_{now + timedelta(days=2):%Y_%m_%d}"))
        assert await partitions.count_ahead(conn) == 1
    await keep_up(engine)
    async with engine.connect() as conn:
        assert await partitions.count_ahead(conn) >= DAYS_AHEAD


async def test_only_expired_tickets_go(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        user_id = await make_user(conn)
        for name, seconds in ((b"expired", -1), (b"living", 30)):
            await conn.execute(
                insert(WsTicket).values(
                    hash=name,
                    user_id=user_id,
                    purpose="monitor",
                    session=uuid7(),
                    expires_at=func.now() + timedelta(seconds=seconds),
                )
            )
    await keep_up(engine)
    async with engine.connect() as conn:
        assert (await conn.execute(select(WsTicket.hash))).scalars().all() == [b"living"]


async def test_doing_it_again_is_harmless(engine: AsyncEngine) -> None:
    await keep_up(engine)
    async with engine.connect() as conn:
        ahead = await partitions.count_ahead(conn)
    await keep_up(engine)
    async with engine.connect() as conn:
        assert await partitions.count_ahead(conn) == ahead == DAYS_AHEAD
