"""A client's queue overflows while no hub is available: what it dropped is stored as lost, the rest is stored."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import MonitoringEvent
from db.queries import verify
from db.settings import DatabaseSettings
from tests.faults.checker import Diary, check, unacknowledged
from tests.veritas.hubs import LOGIN, run_hub
from veritas.client import Candidate
from veritas.rest import Rest


async def test_events_that_a_full_queue_dropped_are_stored_as_a_lost_span(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    async with run_hub(database, engine) as addresses, Rest(addresses.base_url) as rest:
        teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
        exam_id = await teacher.create_exam("Physics", duration_minutes=60, preset="camera")
        (student,) = await teacher.extend_roster(exam_id, [{"username": "ada", "name": "Ada"}])
        session = await rest.sign_in_by_code(student.code)
        diary = Diary(await session.start(exam_id))
        candidate = Candidate(
            rest.socket_urls("/ws/monitor"),
            diary.attempt_id,
            lambda: session.ticket("monitor"),
            log=diary.notes.append,
            most_events=300,
            proxy=None,
        )
        type_on(candidate, 1_000)
        async with candidate:
            await candidate.drained(10)
            candidate.cut()
            type_on(candidate, 1_000)
            await candidate.drained(10)
    assert candidate.sent == candidate.acked == 2_000
    assert candidate.lost > 1_300
    assert unacknowledged(diary) == []
    async with engine.connect() as conn:
        assert await check(conn, [diary]) == []
        assert await verify.count_stored(conn, exam_id) == 2_000
        spans = select(MonitoringEvent.seq, MonitoringEvent.data_payload)
        found = await conn.execute(spans.where(MonitoringEvent.event_type == "events_lost"))
        lost = {seq for row in found for seq in range(row.data_payload["from"], row.seq + 1)}
        assert lost == {*range(1, 701), *range(1_001, 1_701)}


def type_on(candidate: Candidate, count: int) -> None:
    for _ in range(count):
        candidate.record("typing", {"item": "q1", "chars": 1, "ms": 3})
