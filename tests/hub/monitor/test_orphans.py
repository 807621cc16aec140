import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, MonitoringEvent
from db.queries.connections import connections
from hub.monitor.admission import Admission
from hub.monitor.orphans import OrphanCloser
from hub.timing import Timing
from tests.hub.monitor.conftest import CandidateClient, still_works, until, with_timing


@pytest.fixture
def timing() -> Timing:
    return Timing(orphans_s=0.1, young_s=0.5)


def closer(admission: Admission, *, young_s: float) -> OrphanCloser:
    """The hub's closer, to call by hand."""
    return OrphanCloser(admission.engine, admission.lease, admission.registry, admission.close_log, young_s=young_s)


async def open_without_a_socket(candidate: CandidateClient, admission: Admission) -> connections.OpenedConnection:
    """Open a connection as a hello whose COMMIT was never confirmed."""
    async with candidate.engine.begin() as conn:
        return await connections.open_connection(
            conn,
            await candidate.hello(),
            candidate.student_id,
            admission.lease.hub_id,
            has_proof=lambda _: True,
        )


async def cause_of(candidate: CandidateClient) -> str | None:
    async with candidate.engine.connect() as conn:
        query = select(Connection.cause).where(Connection.attempt_id == candidate.attempt_id)
        return (await conn.execute(query)).scalar_one()


async def test_a_connection_without_a_socket_is_closed_with_its_event_and_no_other(
    candidate: CandidateClient, neighbor: CandidateClient, admission: Admission, engine: AsyncEngine
) -> None:
    beside, _ = await neighbor.enter()
    await open_without_a_socket(candidate, admission)

    async def is_closed() -> bool:
        return await cause_of(candidate) == "gone"

    await until(is_closed)
    async with engine.connect() as conn:
        lost = select(func.count()).where(MonitoringEvent.event_type == "connection_lost")
        assert (await conn.execute(lost)).scalar_one() == 1
    await closer(admission, young_s=0).close_orphans()
    assert await cause_of(neighbor) is None
    await still_works(beside)


async def test_a_young_connection_is_left_open(candidate: CandidateClient, admission: Admission) -> None:
    await open_without_a_socket(candidate, admission)
    await closer(admission, young_s=60).close_orphans()
    assert await cause_of(candidate) is None


@with_timing(young_s=60.0)
async def test_a_close_that_waits_to_be_recorded_keeps_its_cause(
    candidate: CandidateClient, admission: Admission
) -> None:
    opening = await open_without_a_socket(candidate, admission)
    async with candidate.engine.begin() as holder:
        await holder.execute(select(Connection.attempt_id).with_for_update())
        ended = admission.close_log.put(opening, "silent")
        assert admission.close_log.holds(opening.attempt_id, opening.generation)
        await closer(admission, young_s=0).close_orphans()
    await ended
    assert await cause_of(candidate) == "silent"
    assert not admission.close_log.holds(opening.attempt_id, opening.generation)
