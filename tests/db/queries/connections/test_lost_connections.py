import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.clock import from_ms, to_ms
from db.models import Connection, ExamAttempt
from db.queries.connections import lost_connections
from db.queries.connections.lost_connections import LossReport, LostClient, OutageEvent
from protocol.attempts import AttemptStatus
from tests.candidates import Candidate, connect, disconnect, make_candidates, move_into_past, system_events
from tests.locks import until_blocked

HUB = uuid4()


async def lose(conn: AsyncConnection, candidate: Candidate, seconds: float, cause: str = "gone") -> None:
    opening = await connect(conn, candidate, HUB)
    await disconnect(conn, candidate, opening.generation, cause)
    await move_into_past(conn, [candidate.attempt_id], seconds)


def ids(client: Sequence[LostClient]) -> list[UUID]:
    return [lost.attempt_id for lost in client]


async def test_a_client_is_lost_if_its_newest_connection_is_closed_long_enough(conn: AsyncConnection) -> None:
    never, here, just_now, back, gone, left, ended = await make_candidates(conn, 7)
    await connect(conn, here, HUB)
    await lose(conn, just_now, 5)
    await lose(conn, back, 60)
    await connect(conn, back, HUB)
    await lose(conn, gone, 30)
    await lose(conn, left, 40, "normal")
    await lose(conn, ended, 40)
    await conn.execute(
        update(ExamAttempt).where(ExamAttempt.id == ended.attempt_id).values(status=AttemptStatus.SUBMITTED)
    )
    client = await lost_connections.list_lost_clients(conn)
    assert ids(client) == [left.attempt_id, gone.attempt_id]
    assert 30_000 <= client[1].away_ms < 40_000
    assert (client[1].outage, client[1].is_silent, client[1].generation) == (None, False, 1)
    assert await lost_connections.count_online(conn, [here.exam_id, uuid4()]) == {here.exam_id: 2}
    assert await lost_connections.count_online(conn, []) == {}
    assert never.attempt_id not in ids(client)


async def test_an_outage_is_recorded_before_the_silence(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await lose(conn, candidate, 30)
    [client] = await lost_connections.list_lost_clients(conn)
    group = uuid4()
    report = LossReport(client, OutageEvent(group, 7, 9), is_silent=True)
    assert await lost_connections.record_losses(conn, [report]) == [report]
    assert (await system_events(conn, candidate.attempt_id))[-2:] == [
        ("cohort_outage", {"group": str(group), "lost": 7, "of": 9}),
        ("heartbeat_missed", {"since": client.lost_at_ms}),
    ]
    found = await conn.execute(
        select(ExamAttempt.silent_since, Connection.closed_at).join(Connection, Connection.attempt_id == ExamAttempt.id)
    )
    silent_since, closed_at = found.one()
    assert silent_since is not None
    assert closed_at is not None
    assert abs(to_ms(silent_since) - to_ms(closed_at)) <= 1
    [again] = await lost_connections.list_lost_clients(conn)
    assert (again.outage, again.is_silent) == (group, True)


async def test_a_recorded_silence_counts_for_others_only_for_a_while(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await lose(conn, candidate, 30)
    [client] = await lost_connections.list_lost_clients(conn)
    await lost_connections.record_losses(conn, [LossReport(client, None, is_silent=True)])
    assert len(await lost_connections.list_lost_clients(conn)) == 1
    earlier = from_ms(client.lost_at_ms - lost_connections.REMEMBERED_S * 1000)
    await conn.execute(update(ExamAttempt).values(silent_since=earlier))
    assert await lost_connections.list_lost_clients(conn) == []


async def test_only_one_worker_gets_the_lock(engine: AsyncEngine) -> None:
    async with engine.connect() as first, engine.connect() as second:
        assert await lost_connections.try_lock(first)
        assert not await lost_connections.try_lock(second)
        await first.commit()
        assert await lost_connections.try_lock(second)


async def test_a_client_that_has_reconnected_or_is_reconnecting_is_left_out(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        silent, back, coming = await make_candidates(conn, 3)
        for candidate in (silent, back, coming):
            await lose(conn, candidate, 30)
    async with engine.connect() as looking, engine.connect() as hello:
        statements = [
            LossReport(client, None, is_silent=True) for client in await lost_connections.list_lost_clients(looking)
        ]
        async with engine.begin() as conn:
            await connect(conn, back, HUB)
        await connect(hello, coming, HUB)
        reported = await lost_connections.record_losses(looking, statements)
        await looking.commit()
        await hello.commit()
    assert ids([report.client for report in reported]) == [silent.attempt_id]
    async with engine.connect() as conn:
        for candidate in (back, coming):
            assert (await system_events(conn, candidate.attempt_id))[-1][0] == "connection_opened"


async def test_a_hello_that_waits_for_the_recording_ends_the_silence(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        await lose(conn, candidate, 30)
    async with engine.connect() as looking:
        await lost_connections.record_losses(
            looking,
            [LossReport(client, None, is_silent=True) for client in await lost_connections.list_lost_clients(looking)],
        )

        async def come() -> None:
            async with engine.begin() as conn:
                await connect(conn, candidate, HUB)

        coming = asyncio.create_task(come())
        await until_blocked(engine)
        await looking.commit()
        await coming
    async with engine.connect() as conn:
        stored_events = [event for event, _ in await system_events(conn, candidate.attempt_id)]
        assert stored_events[-4:] == [
            "heartbeat_missed",
            "stream_abandoned",
            "connection_opened",
            "heartbeat_resumed",
        ]
        assert (await conn.execute(select(ExamAttempt.silent_since))).scalar_one() is None
