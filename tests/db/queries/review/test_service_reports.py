from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import BehaviorAnalysis
from db.queries.review import service_reports
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_stream, make_user, store_events


async def test_citations_that_are_not_events_of_the_attempt_are_found_by_position(conn: AsyncConnection) -> None:
    exam = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    attempt, neighbour = [await make_attempt(conn, exam, await make_user(conn)) for _ in range(2)]
    stream, foreign = [await make_stream(conn, attempt_id) for attempt_id in (attempt, neighbour)]
    for stream_id in (stream, foreign):
        await store_events(conn, stream_id, [("paste", {}, 1), ("paste", {}, 2)])
    cited = [(stream, 1), (stream, 3), (stream, 2), (foreign, 1), (uuid4(), 1), (stream, 1)]
    assert await service_reports.find_missing_events(conn, attempt, cited) == [1, 3, 4]
    assert await service_reports.find_missing_events(conn, attempt, []) == []


async def test_indicators_are_added_to_an_existing_analysis(conn: AsyncConnection) -> None:
    exam = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
    attempt, other = [await make_attempt(conn, exam, await make_user(conn)) for _ in range(2)]
    await conn.execute(insert(BehaviorAnalysis).values(attempt_id=attempt, originality_indicators=[{"text": "a"}]))
    for attempt_id in (attempt, other):
        await service_reports.add_indicators(conn, attempt_id, "service:x", ["b"])
    kept = (await conn.execute(select(BehaviorAnalysis.originality_indicators))).scalars().all()
    assert kept == [[{"text": "a"}, {"text": "b", "cited": [], "by": "service:x"}]]
