import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.models import HubLease
from hub import lease, metrics
from hub.lease import Lease


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    monkeypatch.setattr(lease, "RETRY_S", 0.05)


async def living(engine: AsyncEngine) -> list[UUID]:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(HubLease.hub).where(HubLease.ended_at.is_(None), HubLease.expires_at > func.now())
        )
        return list(found.scalars())


def unhoped() -> None:
    raise AssertionError("lost")


async def test_a_lease_is_taken_renewed_and_given_back(engine: AsyncEngine) -> None:
    async with Lease(engine, unhoped) as own:
        assert own.is_held
        assert await living(engine) == [own.hub_id]
        async with engine.begin() as conn:
            await conn.execute(update(HubLease).values(expires_at=func.now()))
        async with asyncio.timeout(5):
            while await living(engine) != [own.hub_id]:  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)
    assert await living(engine) == []


async def test_a_hub_that_was_given_up_is_told_and_goes_on_as_another(engine: AsyncEngine) -> None:
    lost = asyncio.Event()
    counted = metrics.LEASES_LOST._value.get()
    async with Lease(engine, lost.set) as own:
        before = own.hub_id
        async with engine.begin() as conn:
            await conn.execute(update(HubLease).values(ended_at=func.now()))
        async with asyncio.timeout(5):
            await lost.wait()
        assert own.hub_id != before
        assert await living(engine) == [own.hub_id]
    assert metrics.LEASES_LOST._value.get() == counted + 1


async def test_without_postgresql_there_is_no_lease_yet_and_no_fault() -> None:
    nowhere = create_async_engine("postgresql+asyncpg://nobody@/nothing?host=/nonexistent")
    async with Lease(nowhere, unhoped) as own:
        assert not own.is_held
        await asyncio.sleep(0.2)  # a few tries go by
        assert not own.is_held
    await nowhere.dispose()
