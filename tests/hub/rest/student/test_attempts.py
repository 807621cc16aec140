"""An attempt over REST: items without keys, the answers that count, and the time of the server."""

from uuid import uuid4

import pytest
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import BehaviorAnalysis, Exam, ExamAttempt, User
from hub.auth.passwords import Passwords
from hub.rest.http.paging import write_cursor
from protocol.roles import Role
from tests.candidates import Candidate, connect
from tests.factories import make_flag
from tests.hub.conftest import PASSWORD, Caller, Users
from tests.seeded_attempts import WITH_TEXT, SeededAttempt, answer, end, seed_attempt


@pytest.fixture
async def seeded(engine: AsyncEngine, passwords: Passwords) -> SeededAttempt:
    """Create a running attempt of the student ada."""
    async with engine.begin() as conn:
        made = await seed_attempt(conn, WITH_TEXT)
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


async def test_an_attempt_can_be_resumed_on_any_computer(
    ada: Caller, users: Users, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await answer(conn, seeded, "a", "y", 1_000)
        await answer(conn, seeded, "d", "Because", 1_500)
        await answer(conn, seeded, "a", "x", 2_000)
        await connect(conn, Candidate(seeded.exam_id, seeded.attempt_id, seeded.student_id), uuid4())
    path = f"/student/exams/{seeded.attempt_id}"
    shown = (await ada.get(path)).json()
    assert (shown["status"], shown["exam"]["title"], shown["receipt"]) == ("in_progress", "Physics", None)
    assert shown["started_at"] <= shown["server_at"] < shown["deadline"]
    assert [row["item"] for row in shown["items"]] == ["a", "b", "c", "d"]
    assert shown["items"][0] == {
        "item": "a",
        "kind": "choice",
        "prompt": "Question a",
        "choices": ["x", "y"],
        "points": 2,
    }
    assert {item: (answer["value"], answer["revision"]) for item, answer in shown["answers"].items()} == {
        "a": ("x", 2),
        "d": ("Because", 1),
    }
    elsewhere = (await (await users.sign_in("ada")).get(path)).json()
    assert elsewhere == {**shown, "server_at": elsewhere["server_at"]}


async def test_students_never_read_an_answer_key(ada: Caller, seeded: SeededAttempt, engine: AsyncEngine) -> None:
    for _ in range(2):
        read = [await ada.get(f"/student/exams/{seeded.attempt_id}{end_}") for end_ in ("", "/answers")]
        read.append(await ada.get("/student/exams"))
        for row in read:
            assert "_key" not in row.text
            assert "9.81" not in row.text
        async with engine.begin() as conn:
            await end(conn, seeded)


async def test_an_ended_attempt_has_its_receipt_and_end(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        ended = await end(conn, seeded)
    shown = (await ada.get(f"/student/exams/{seeded.attempt_id}")).json()
    assert shown["status"] == "completed"
    assert shown["receipt"]["hash"] == ended.receipt.hash
    assert shown["completed_at"] == ended.receipt.submitted_at


async def test_revisions_are_paged_with_the_one_that_counts(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        for mono, (item, value) in enumerate([("a", 1), ("b", 1), ("a", 2), ("a", 3), ("d", 1)], 1):
            await answer(conn, seeded, item, value, mono * 1_000)
    path = f"/student/exams/{seeded.attempt_id}/answers"
    seen, after = [], None
    while True:
        page = (await ada.get(path, limit=2, **({} if after is None else {"after": after}))).json()
        seen += [
            (revision["item"], revision["revision"], revision["value"], revision["stands"])
            for revision in page["items"]
        ]
        after = page["next"]
        if after is None:
            break
    assert seen == [("a", 1, 1, False), ("a", 2, 2, False), ("a", 3, 3, True), ("b", 1, 1, True), ("d", 1, 1, True)]


@pytest.mark.parametrize("key", [["a", 0], ["a", 10**30], ["a"], [1, 1], "a"])
async def test_an_invented_cursor_is_rejected(ada: Caller, seeded: SeededAttempt, key: object) -> None:
    refused = await ada.get(f"/student/exams/{seeded.attempt_id}/answers", after=write_cursor(key))
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "query.after")


async def test_a_student_cannot_read_another_students_attempt(users: Users, seeded: SeededAttempt) -> None:
    eve = await users.make(Role.STUDENT, "eve")
    for end_ in ("", "/answers"):
        assert (await eve.get(f"/student/exams/{seeded.attempt_id}{end_}")).status_code == 404
        assert (await users.anonymous.get(f"/student/exams/{seeded.attempt_id}{end_}")).status_code == 401


async def test_a_sign_in_by_code_reads_only_the_attempt_of_its_exam(
    users: Users, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    teacher = await users.make(Role.TEACHER, "teacher")
    latin = await teacher.post("/exams", {"title": "Latin", "duration_minutes": 90, "is_published": True})
    roster = f"/exams/{latin.json()['exam_id']}/roster"
    (created,) = (await teacher.post(roster, {"students": [{"username": "ada", "name": "Ada"}]})).json()
    by_code = await users.sign_in_by_code(created["code"])
    assert (await by_code.get(f"/student/exams/{seeded.attempt_id}")).status_code == 404
    assert (await by_code.post(f"/student/exams/{seeded.attempt_id}/submit")).status_code == 404
    started = (await by_code.start(latin.json()["exam_id"])).json()
    assert (await by_code.get(f"/student/exams/{started['attempt_id']}")).status_code == 200


async def test_the_record_follows_the_analysis_and_marks_follow_the_release(
    ada: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    path = f"/student/exams/{seeded.attempt_id}"
    assert (await ada.get(path)).json()["record"] is None
    async with engine.begin() as conn:
        await answer(conn, seeded, "a", "x", 1_000)
        await end(conn, seeded)
        await make_flag(conn, seeded.attempt_id)
        await conn.execute(
            update(ExamAttempt).values(integrity_score=0.65, coverage=0.97, dropout_label="copy", flagged=True)
        )
    assert (await ada.get(path)).json()["record"] is None
    async with engine.begin() as conn:
        await conn.execute(update(BehaviorAnalysis).values(state="done", revision=1, dropout_label="copy"))
    record = (await ada.get(path)).json()["record"]
    assert (record["score"], record["passed"], record["released"], record["flags"]) == (None, None, False, [])
    assert record["integrity"] == {"score": None, "status": "unknown"}
    assert record["summary"].startswith("Your attempt is still being reviewed.")
    assert "answered" in {event["event_type"] for event in record["recorded"]}
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(results_released_at=func.now()))
    answered = await ada.get(path)
    record = answered.json()["record"]
    assert (record["score"], record["passed"], record["released"]) == (2, False, True)
    assert record["integrity"] == {"score": 0.65, "status": "warning"}
    assert record["summary"].startswith("Events of your exam page arrived 97 % of the time. 1 flag was raised")
    (flag,) = record["flags"]
    assert (flag["rule"], flag["name"], flag["status"]) == ("left_page", "left the page", "open")
    assert "Possible other reasons" in flag["explanation"]
    assert "copy" not in answered.text.replace("copy, cut", "")
