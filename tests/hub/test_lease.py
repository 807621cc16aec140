import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.models import HubLease
from hub import metrics
from hub.lease import Lease


async def living(engine: AsyncEngine) -> list[UUID]:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(HubLease.hub).where(HubLease.ended_at.is_(None), HubLease.expires_at > func.now())
        )
        return list(found.scalars())


def fail() -> None:
    raise AssertionError("the lease was lost")


async def test_a_lease_is_taken_renewed_and_released(engine: AsyncEngine) -> None:
    async with Lease(engine, fail, renew_s=0.05) as own:
        assert own.is_held
        assert await living(engine) == [own.hub_id]
        async with engine.begin() as conn:
            await conn.execute(update(HubLease).values(expires_at=func.now()))
        async with asyncio.timeout(5):
            while await living(engine) != [own.hub_id]:  # noqa: ASYNC110 - PostgreSQL sends no event
                await asyncio.sleep(0.01)
    assert await living(engine) == []


async def test_a_hub_whose_lease_has_ended_continues_under_another_id(engine: AsyncEngine) -> None:
    lost = asyncio.Event()
    counted = metrics.LEASES_LOST._value.get()
    async with Lease(engine, lost.set, renew_s=0.05) as own:
        before = own.hub_id
        async with engine.begin() as conn:
            await conn.execute(update(HubLease).values(ended_at=func.now()))
        async with asyncio.timeout(5):
            await lost.wait()
        assert own.hub_id != before
        assert await living(engine) == [own.hub_id]
    assert metrics.LEASES_LOST._value.get() == counted + 1


async def test_without_postgresql_there_is_no_lease_and_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = create_async_engine("postgresql+asyncpg://missing@/missing?host=/nonexistent")
    tries = asyncio.Semaphore(0)
    lease = Lease(nowhere, fail, renew_s=60, retry_s=0.01)
    renew = lease._take

    async def counted() -> None:
        tries.release()
        await renew()

    monkeypatch.setattr(lease, "_take", counted)
    async with asyncio.timeout(5), lease:
        for _ in range(3):
            await tries.acquire()
        assert not lease.is_held
    await nowhere.dispose()
