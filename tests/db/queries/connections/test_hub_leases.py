from uuid import uuid4

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import Connection, ExamAttempt, HubLease
from db.queries.connections import hub_leases
from tests.candidates import Candidate, connect, disconnect, expire_lease, make_candidates, start_hub, system_events


async def causes(conn: AsyncConnection, candidate: Candidate) -> list[str | None]:
    found = await conn.execute(
        select(Connection.cause).where(Connection.attempt_id == candidate.attempt_id).order_by(Connection.generation)
    )
    return list(found.scalars())


async def last_event(conn: AsyncConnection, candidate: Candidate) -> str:
    return (await system_events(conn, candidate.attempt_id))[-1][0]


async def test_a_lease_is_renewed_until_it_is_ended(conn: AsyncConnection) -> None:
    hub = await start_hub(conn)
    assert await hub_leases.renew_lease(conn, hub)
    await expire_lease(conn, hub)
    assert await hub_leases.renew_lease(conn, hub), "it was not ended yet"
    await expire_lease(conn, hub)
    await hub_leases.end_dead_leases(conn)
    assert not await hub_leases.renew_lease(conn, hub)
    assert not await hub_leases.renew_lease(conn, uuid4())


async def test_connections_of_a_dead_hub_end_when_it_was_last_known_to_be_alive(conn: AsyncConnection) -> None:
    living, dead = await start_hub(conn), await start_hub(conn)
    here, there, gone = await make_candidates(conn, 3)
    await connect(conn, here, living)
    await connect(conn, there, dead)
    closed = await connect(conn, gone, dead)
    await disconnect(conn, gone, closed.generation, "normal")
    await conn.execute(update(Connection).values(opened_at=func.now() - func.make_interval(0, 0, 0, 0, 1)))
    await expire_lease(conn, dead, 3)
    assert await hub_leases.end_dead_leases(conn) == [(there.attempt_id, there.exam_id)]
    assert [await causes(conn, candidate) for candidate in (here, there, gone)] == [[None], ["hub_gone"], ["normal"]]
    assert (await system_events(conn, there.attempt_id))[-1] == (
        "connection_lost",
        {"cause": "hub_gone", "generation": 1},
    )
    ago = func.extract("epoch", func.clock_timestamp() - Connection.closed_at)
    ago_s = (await conn.execute(select(ago).where(Connection.attempt_id == there.attempt_id))).scalar_one()
    assert 3 + hub_leases.LEASE_S <= ago_s < 3 + hub_leases.LEASE_S + 5
    assert await hub_leases.end_dead_leases(conn) == []


async def test_a_connection_younger_than_the_last_renewal_does_not_end_before_it_began(conn: AsyncConnection) -> None:
    hub = await start_hub(conn)
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, hub)
    await expire_lease(conn, hub)
    await hub_leases.end_dead_leases(conn)
    found = await conn.execute(select(Connection.opened_at, Connection.closed_at))
    opened_at, closed_at = found.one()
    assert opened_at == closed_at


async def test_a_connection_that_is_not_the_newest_gets_no_event(conn: AsyncConnection) -> None:
    hub = await start_hub(conn)
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, hub)
    await conn.execute(update(ExamAttempt).values(generation=2))
    await expire_lease(conn, hub)
    assert len(await hub_leases.end_dead_leases(conn)) == 1
    assert await last_event(conn, candidate) == "connection_opened"


async def test_connections_of_a_hub_without_a_lease_are_not_closed(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, uuid4())
    assert await hub_leases.end_dead_leases(conn) == []
    assert await causes(conn, candidate) == [None]


async def test_connections_that_a_hub_left_open_are_closed_after_its_end(conn: AsyncConnection) -> None:
    hub = await start_hub(conn)
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, hub)
    await hub_leases.release_lease(conn, hub)
    assert not await hub_leases.renew_lease(conn, hub)
    assert len(await hub_leases.end_dead_leases(conn)) == 1


async def test_a_late_connection_under_an_ended_lease_is_closed_too(conn: AsyncConnection) -> None:
    hub = await start_hub(conn)
    [candidate] = await make_candidates(conn)
    await expire_lease(conn, hub)
    await hub_leases.end_dead_leases(conn)
    await connect(conn, candidate, hub)
    assert len(await hub_leases.end_dead_leases(conn)) == 1


async def test_a_bounded_number_is_closed_at_once(conn: AsyncConnection) -> None:
    hub = await start_hub(conn)
    for candidate in await make_candidates(conn, 5):
        await connect(conn, candidate, hub)
    await expire_lease(conn, hub)
    assert [len(await hub_leases.end_dead_leases(conn, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


async def test_two_workers_close_nothing_twice(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        hub = await start_hub(conn)
        candidates = await make_candidates(conn, 4)
        for candidate in candidates:
            await connect(conn, candidate, hub)
        await expire_lease(conn, hub)
    async with engine.begin() as conn:
        await hub_leases.end_dead_leases(conn, limit=0)
    async with engine.connect() as first_conn, engine.connect() as second_conn:
        first = await hub_leases.end_dead_leases(first_conn, limit=3)
        # The first has not committed: the rows that it has locked are skipped, not waited for.
        second = await hub_leases.end_dead_leases(second_conn, limit=3)
        await second_conn.commit()
        await first_conn.commit()
    assert sorted(first + second) == sorted((candidate.attempt_id, candidate.exam_id) for candidate in candidates)
    async with engine.connect() as conn:
        for candidate in candidates:
            stored_events = [event for event, _ in await system_events(conn, candidate.attempt_id)]
            assert stored_events == ["attempt_started", "connection_opened", "connection_lost"]


async def test_a_hello_at_another_hub_closes_the_connection_of_the_dead_hub(conn: AsyncConnection) -> None:
    dead, living = await start_hub(conn), await start_hub(conn)
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, dead)
    await connect(conn, candidate, living)
    assert await causes(conn, candidate) == ["superseded", None]
    await expire_lease(conn, living)
    await connect(conn, candidate, dead)
    assert await causes(conn, candidate) == ["superseded", "hub_gone", None]
    assert await hub_leases.end_dead_leases(conn) == []
    assert await last_event(conn, candidate) == "connection_opened"


async def test_old_leases_are_forgotten_unless_something_is_open_on_them(conn: AsyncConnection) -> None:
    living, ended, held = [await start_hub(conn) for _ in range(3)]
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, held)
    long_ago = func.now() - hub_leases.KEPT - hub_leases.KEPT
    await conn.execute(update(HubLease).where(HubLease.hub != living).values(ended_at=long_ago))
    assert await hub_leases.delete_ended_leases(conn) == 1
    assert set((await conn.execute(select(HubLease.hub))).scalars()) == {living, held}
    assert ended not in {living, held}
