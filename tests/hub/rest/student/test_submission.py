"""Submitting over REST: again, from two computers at once, before all events have arrived, and too late."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import ExamAttempt, MonitoringEvent, User
from hub.auth.passwords import Passwords
from hub.rest.student import submission
from judgement.attempts import Action
from protocol.roles import Role
from tests.candidates import system_events
from tests.hub.conftest import PASSWORD, Caller, Users
from tests.seeded_attempts import SeededAttempt, answer, end, ending, seed_attempt


@pytest.fixture
async def seeded(engine: AsyncEngine, passwords: Passwords) -> SeededAttempt:
    """Create a running attempt of the student ada."""
    async with engine.begin() as conn:
        made = await seed_attempt(conn)
        await conn.execute(
            update(User)
            .where(User.id == made.student_id)
            .values(username="ada", password_hash=await passwords.hash(PASSWORD))
        )
    return made


@pytest.fixture
async def ada(users: Users, seeded: SeededAttempt) -> Caller:
    assert seeded
    return await users.sign_in("ada")


def path_of(seeded: SeededAttempt) -> str:
    return f"/student/exams/{seeded.attempt_id}/submit"


async def test_submitting_again_returns_the_same_receipt(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await answer(conn, seeded, "a", "x", 1_000)
    body = {"answers": [{"item": "c", "value": "9,81"}]}
    first = await ada.post(path_of(seeded), body)
    assert first.status_code == 200
    receipt = first.json()
    assert receipt["status"] == "completed"
    assert (receipt["answers"], receipt["events"], len(receipt["hash"])) == (2, 1, 64)
    assert receipt["streams"] == {str(seeded.stream_id): 1}
    for again in (body, None, {}):
        assert (await ada.post(path_of(seeded), again)).json() == receipt
    async with engine.connect() as conn:
        score = await conn.execute(select(ExamAttempt.score, ExamAttempt.passed))
        assert tuple(score.one()) == (7, True)


async def test_two_computers_that_submit_at_once_get_the_same_receipt(
    ada: Caller, users: Users, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    callers = [ada, await users.sign_in("ada"), await users.sign_in("ada")]
    bodies = [{"answers": [{"item": "a", "value": value}]} for value in ("x", "y", "z")]
    answers = await asyncio.gather(
        *(caller.post(path_of(seeded), body) for caller, body in zip(callers, bodies, strict=True))
    )
    assert {response.status_code for response in answers} == {200}
    assert len({response.json()["hash"] for response in answers}) == 1
    async with engine.connect() as conn:
        events = [event for event, _ in await system_events(conn, seeded.attempt_id)]
        assert events.count("submitted") == 1


async def test_a_submission_waits_for_events_on_their_way(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    body = {"stream": str(seeded.stream_id), "last_seq": 2}
    handing_in = asyncio.create_task(ada.post(path_of(seeded), body))
    for value, mono in (("y", 1_000), ("x", 2_000)):
        async with engine.begin() as conn:
            await answer(conn, seeded, "a", value, mono)
    receipt = (await handing_in).json()
    assert (receipt["answers"], receipt["events"]) == (1, 2)
    async with engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.score))).scalar_one() == 2


async def test_missing_events_delay_a_submission_only_briefly(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    missing = submission.Submission(stream=seeded.stream_id, last_seq=2**53 - 1)
    async with asyncio.timeout(submission.WAIT_S - 1):
        await submission.wait_until_stored(engine, seeded.attempt_id, missing, wait_s=0.05)


async def test_an_unknown_stream_does_not_delay_a_submission(ada: Caller, seeded: SeededAttempt) -> None:
    async with asyncio.timeout(submission.WAIT_S - 1):
        answer_ = await ada.post(path_of(seeded), {"stream": str(uuid4()), "last_seq": 7})
    assert answer_.status_code == 200


@pytest.mark.parametrize(
    ("answers", "path"),
    [
        ([{"item": "a", "value": "x"}, {"item": "nonsense", "value": 1}], "$.answers[1].item"),
        ([{"item": "a", "value": "x\0"}], "$.answers[0].value"),
        ([{"item": "a", "value": "x" * 40_000}], "$.answers[0].value"),
        ([{"item": "a", "value": {"a": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}], "$.answers[0].value"),
        ([{"item": "", "value": 1}], "$.answers[0].item"),
    ],
)
async def test_an_invalid_answer_is_rejected_by_its_path_and_ends_nothing(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine, answers: list[object], path: str
) -> None:
    refused = await ada.post(path_of(seeded), {"answers": answers})
    assert refused.status_code == 400
    assert [fault["path"] for fault in refused.json()["errors"]] == [path]
    async with engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.status))).scalar_one() == "in_progress"


async def test_a_student_cannot_submit_another_students_attempt(users: Users, seeded: SeededAttempt) -> None:
    eve = await users.make(Role.STUDENT, "eve")
    assert (await eve.post(path_of(seeded))).status_code == 404
    assert (await eve.post(f"/student/exams/{uuid4()}/submit")).status_code == 404
    teacher = await users.make(Role.TEACHER, "teacher")
    assert (await teacher.post(path_of(seeded))).status_code == 403
    assert (await users.anonymous.post(path_of(seeded))).status_code == 401


async def test_answers_after_the_end_are_kept_and_do_not_count(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        ended = await end(conn, seeded, ending(Action.TIME_OUT))
    late = await ada.post(path_of(seeded), {"answers": [{"item": "a", "value": "x"}]})
    assert (late.status_code, late.json()["status"]) == (200, "timed_out")
    assert late.json()["hash"] == ended.receipt.hash
    (kept,) = (await ada.get(f"/student/exams/{seeded.attempt_id}/answers")).json()["items"]
    assert (kept["item"], kept["value"], kept["stands"]) == ("a", "x", False)


async def test_a_class_can_submit_at_the_same_time(users: Users, engine: AsyncEngine, passwords: Passwords) -> None:
    async with engine.begin() as conn:
        seeded_attempts = [await seed_attempt(conn) for _ in range(12)]
        password = await passwords.hash(PASSWORD)
        for number, made in enumerate(seeded_attempts):
            await conn.execute(
                update(User).where(User.id == made.student_id).values(username=f"s{number}", password_hash=password)
            )
    callers = [await users.sign_in(f"s{number}") for number in range(12)]
    answers = await asyncio.gather(
        *(caller.post(path_of(made), {}) for caller, made in zip(callers, seeded_attempts, strict=True))
    )
    assert {response.status_code for response in answers} == {200}
    assert {UUID(response.json()["attempt_id"]) for response in answers} == {
        made.attempt_id for made in seeded_attempts
    }
    async with engine.connect() as conn:
        stated = select(func.count()).where(MonitoringEvent.event_type == "submitted")
        assert (await conn.execute(stated)).scalar_one() == 12
