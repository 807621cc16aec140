import asyncio

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, MonitoringEvent
from db.queries.connections import connections
from hub.monitor import orphans
from hub.monitor.admission import Admission
from tests.hub.monitor.conftest import SeededAttempt, still_works, until


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "SWEEP_S", 0.1)
    monkeypatch.setattr(orphans, "YOUNG_S", 0.5)


async def open_without_a_socket(seeded: SeededAttempt, admission: Admission) -> connections.OpenedConnection:
    """As a hello does whose COMMIT PostgreSQL has done and nobody has heard of."""
    async with seeded.engine.begin() as conn:
        return await connections.open_connection(conn, await seeded.hello(), seeded.student_id, admission.lease.hub_id)


async def cause_of(seeded: SeededAttempt) -> str | None:
    async with seeded.engine.connect() as conn:
        query = select(Connection.cause).where(Connection.attempt_id == seeded.attempt_id)
        return (await conn.execute(query)).scalar_one()


async def test_a_connection_without_a_socket_is_closed_with_its_fact_and_no_other(
    seeded: SeededAttempt, neighbour: SeededAttempt, admission: Admission, engine: AsyncEngine
) -> None:
    beside, _ = await neighbour.enter()
    await open_without_a_socket(seeded, admission)

    async def is_closed() -> bool:
        return await cause_of(seeded) == "gone"

    await until(is_closed)
    async with engine.connect() as conn:
        lost = select(func.count()).where(MonitoringEvent.event_type == "connection_lost")
        assert (await conn.execute(lost)).scalar_one() == 1
    await asyncio.sleep(0.6)
    assert await cause_of(neighbour) is None
    await still_works(beside)


async def test_a_young_connection_is_left_alone(
    seeded: SeededAttempt, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "YOUNG_S", 60.0)
    await open_without_a_socket(seeded, admission)
    await asyncio.sleep(0.4)
    assert await cause_of(seeded) is None


async def test_an_end_that_is_still_to_be_recorded_keeps_its_cause(
    seeded: SeededAttempt, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "YOUNG_S", 60.0)
    opening = await open_without_a_socket(seeded, admission)
    async with seeded.engine.begin() as holder:
        await holder.execute(select(Connection.attempt_id).with_for_update())
        ended = admission.close_log.put(opening, "silent")
        assert admission.close_log.holds(opening.attempt_id, opening.generation)
        monkeypatch.setattr(orphans, "YOUNG_S", 0.5)
        await asyncio.sleep(0.9)
    await ended
    assert await cause_of(seeded) == "silent"
    assert not admission.close_log.holds(opening.attempt_id, opening.generation)
