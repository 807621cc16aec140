import asyncio
from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.models import Connection, MonitoringEvent
from db.queries.connections import connections
from db.queries.connections.connections import OpenedConnection
from hub import metrics
from hub.monitor.close_log import CloseLog
from protocol import monitor
from tests import factories
from tests.hub.monitor.conftest import until


async def open_some(engine: AsyncEngine, number: int) -> Sequence[OpenedConnection]:
    """Open connections of `number` students, each the newest of its attempt."""
    openings = []
    async with engine.begin() as conn:
        exam_id = await factories.make_exam(conn, await factories.make_user(conn))
        for _ in range(number):
            student_id = await factories.make_user(conn)
            hello = monitor.Hello(
                attempt_id=await factories.make_attempt(conn, exam_id, student_id),
                boot=uuid4(),
                acked=0,
                next_seq=1,
                client=monitor.Client("test", "1"),
                mono=0,
                at=0,
            )
            opening = await connections.open_connection(conn, hello, student_id, uuid4(), has_proof=lambda _: True)
            openings.append(opening)
    return openings


async def lost_events(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        lost = select(func.count()).where(MonitoringEvent.event_type == "connection_lost")
        return (await conn.execute(lost)).scalar_one()


async def test_many_closes_are_recorded_together_each_with_its_cause_and_event(engine: AsyncEngine) -> None:
    openings = await open_some(engine, 5)
    async with CloseLog(engine) as recorder:
        ends = [recorder.put(opening, f"cause {n}") for n, opening in enumerate(openings)]
        async with asyncio.timeout(5):
            await asyncio.gather(*ends)
        async with engine.connect() as conn:
            causes = (await conn.execute(select(Connection.cause))).scalars()
            assert sorted(map(str, causes)) == [f"cause {n}" for n in range(5)]
    assert await lost_events(engine) == 5


async def test_a_close_that_is_put_twice_is_recorded_once(engine: AsyncEngine) -> None:
    (opening,) = await open_some(engine, 1)
    async with CloseLog(engine) as recorder:
        recorder.put(opening, "first")
        recorder.put(opening, "second")
    async with engine.connect() as conn:
        assert (await conn.execute(select(Connection.cause))).scalar_one() == "first"
    assert await lost_events(engine) == 1


async def test_a_close_is_tried_again_while_postgresql_is_away_and_keeps_its_time(guarded_engine: AsyncEngine) -> None:
    (opening,) = await open_some(guarded_engine, 1)

    async def has_failed() -> bool:
        return any(line["event"] == "database is away" for line in logs)

    with capture_logs() as logs:
        async with CloseLog(guarded_engine) as recorder, guarded_engine.begin() as holder:
            await holder.execute(text("LOCK TABLE connections IN SHARE MODE"))
            ended_at = (await holder.execute(text("SELECT clock_timestamp()"))).scalar_one()
            recorded = recorder.put(opening, "gone")
            await until(has_failed)  # when lock_timeout has passed
            assert not recorded.done()
            await holder.rollback()
            async with asyncio.timeout(5):
                await recorded
    async with guarded_engine.connect() as conn:
        closed_at = (await conn.execute(select(Connection.closed_at))).scalar_one()
    assert closed_at is not None
    assert abs((closed_at - ended_at).total_seconds()) < 0.3


async def test_closes_over_the_bound_are_dropped_and_counted(engine: AsyncEngine) -> None:
    first, second = await open_some(engine, 2)
    dropped = metrics.CLOSES_DROPPED.labels(reason="full")._value.get()
    recorder = CloseLog(engine, waiting_max=1)
    recorder.put(first, "gone")
    assert recorder.put(second, "gone").done()
    assert metrics.CLOSES_DROPPED.labels(reason="full")._value.get() == dropped + 1
