from uuid import uuid4

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import Exam, ExamAttempt
from db.queries.attempts import places
from protocol.attempts import AttemptStatus
from tests.candidates import connect, disconnect, make_candidates, system_events

HUB = uuid4()


async def test_a_read_is_recorded_again_after_a_while(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        await places.record_read(conn, candidate.attempt_id, "here")
    async with engine.connect() as conn:
        assert await places.is_read_recorded(conn, candidate.attempt_id, "here")
        assert not await places.is_read_recorded(conn, candidate.attempt_id, "there")
        assert not await places.is_read_recorded(conn, candidate.attempt_id, "here", every_s=0)


async def test_another_place_than_that_of_the_open_connection_is_a_second_one(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    opening = await connect(conn, candidate, HUB, place="here")
    await places.record_read(conn, candidate.attempt_id, "here")
    await places.record_submissions(conn, {candidate.attempt_id: "there"})
    await disconnect(conn, candidate, opening.generation)
    await places.record_read(conn, candidate.attempt_id, "elsewhere")
    events = await system_events(conn, candidate.attempt_id)
    assert [data for kind, data in events if kind == "second_place"] == [{"place": "there", "was": "here"}]


async def test_answers_from_a_second_place_are_recorded_once_a_minute(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        await connect(conn, candidate, HUB, place="here")
    for place in ("here", "there", "there", "elsewhere"):
        async with engine.begin() as conn:
            await places.record_answers(conn, candidate.attempt_id, place)
    async with engine.connect() as conn:
        events = await system_events(conn, candidate.attempt_id)
    assert [data["place"] for kind, data in events if kind == "second_place"] == ["there", "elsewhere"]


async def test_only_running_attempts_of_monitored_exams_are_listed(conn: AsyncConnection) -> None:
    running, ended, unmonitored = [(await make_candidates(conn))[0] for _ in range(3)]
    await conn.execute(
        update(ExamAttempt).where(ExamAttempt.id == ended.attempt_id).values(status=AttemptStatus.SUBMITTED)
    )
    await conn.execute(update(Exam).where(Exam.id == unmonitored.exam_id).values(enable_monitoring=False))
    found = [await places.list_running(conn, one.student_id, None) for one in (running, ended, unmonitored)]
    assert found == [[running.attempt_id], [], []]
    assert await places.list_running(conn, running.student_id, ended.exam_id) == []
