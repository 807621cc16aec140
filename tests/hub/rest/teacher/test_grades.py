"""Grading over REST: keys and answers for reviewers only, points of a teacher instead of the key's, final grades."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AttemptGrade, AuditLog, BehaviorAnalysis, ExamAttempt, TeacherExamPermission, User
from hub.auth.passwords import Passwords
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Caller, Users
from tests.seeded_attempts import WITH_TEXT, SeededAttempt, answer, end, seed_attempt


@pytest.fixture
async def seeded(engine: AsyncEngine, passwords: Passwords) -> SeededAttempt:
    """Create an attempt that has ended, with a text that the teacher grace has to grade."""
    async with engine.begin() as conn:
        made = await seed_attempt(conn, WITH_TEXT)
        await answer(conn, made, "a", "x", 1_000)
        await answer(conn, made, "d", "Because of inertia.", 2_000)
        await end(conn, made)
        await conn.execute(
            update(User)
            .where(User.id == made.teacher_id)
            .values(username="grace", password_hash=await passwords.hash(PASSWORD))
        )
    return made


@pytest.fixture
async def grace(users: Users, seeded: SeededAttempt) -> Caller:
    assert seeded
    return await users.sign_in("grace")


def path_of(seeded: SeededAttempt, what: str = "grade") -> str:
    return f"/teacher/attempts/{seeded.attempt_id}/{what}"


def given(script: dict[str, Any]) -> dict[str, tuple[float, str] | None]:
    return {
        item["item"]: None if item["given"] is None else (item["given"]["points"], item["given"]["by"])
        for item in script["items"]
    }


async def test_answers_are_returned_with_keys_and_points(grace: Caller, seeded: SeededAttempt) -> None:
    script = (await grace.get(path_of(seeded, "answers"))).json()
    first, *_, text = script["items"]
    assert (first["answer_key"], first["answer"]["value"], first["points"]) == ("x", "x", 2)
    assert (text["answer_key"], text["answer"]["value"], text["given"]) == (None, "Because of inertia.", None)
    assert given(script) == {"a": (2, "key"), "b": (0, "key"), "c": (0, "key"), "d": None}
    assert (script["score"], script["max_score"], script["passed"], script["grade_final"]) == (None, 20, None, False)


async def test_points_of_a_teacher_replace_those_of_the_key(grace: Caller, seeded: SeededAttempt) -> None:
    grades = [{"item": "d", "points": 7.5, "comment": "Nearly."}]
    script = (await grace.post(path_of(seeded), {"grades": grades})).json()
    assert given(script)["d"] == (7.5, "Grace Example")
    assert script["items"][3]["given"]["comment"] == "Nearly."
    assert (script["score"], script["percentage"], script["passed"]) == (9.5, 47.5, True)
    assert not script["grade_final"]
    mended = (await grace.post(path_of(seeded), {"grades": [{"item": "a", "points": 0}], "final": True})).json()
    assert given(mended)["a"] == (0, "Grace Example")
    assert (mended["score"], mended["grade_final"]) == (7.5, True)
    assert (await grace.get(path_of(seeded, "answers"))).json() == mended


async def test_a_final_grade_needs_points_for_every_item(
    grace: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    refused = await grace.post(path_of(seeded), {"grades": [{"item": "a", "points": 1}], "final": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    async with engine.connect() as conn:
        by_key = await conn.execute(select(AttemptGrade.points).where(AttemptGrade.item == "a"))
        assert by_key.scalar_one() == 2
        assert (await conn.execute(select(ExamAttempt.grade_final_at))).scalar_one() is None


async def test_a_final_grade_stays_final_and_can_be_corrected(
    grace: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": 1}], "final": True})
    async with engine.connect() as conn:
        first = (await conn.execute(select(ExamAttempt.grade_final_at))).scalar_one()
    script = (await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": 10}]})).json()
    assert (script["score"], script["grade_final"]) == (12, True)
    async with engine.connect() as conn:
        assert (await conn.execute(select(ExamAttempt.grade_final_at))).scalar_one() == first


async def test_grading_repeats_the_analysis(grace: Caller, seeded: SeededAttempt, engine: AsyncEngine) -> None:
    async def state() -> str:
        async with engine.connect() as conn:
            return (await conn.execute(select(BehaviorAnalysis.state))).scalar_one()

    body = {"grades": [{"item": "d", "points": 1}]}
    await grace.post(path_of(seeded), body)
    assert await state() == "pending"
    async with engine.begin() as conn:
        await conn.execute(update(BehaviorAnalysis).values(state="done"))
    await grace.post(path_of(seeded), body)
    assert await state() == "stale"


@pytest.mark.parametrize(
    ("grades", "path"),
    [
        ([{"item": "d", "points": 1}, {"item": "nonsense", "points": 1}], "$.grades[1].item"),
        ([{"item": "d", "points": 10.5}], "$.grades[0].points"),
        ([{"item": "d", "points": 1}, {"item": "d", "points": 2}], "$.grades[1].item"),
        ([{"item": "d", "points": -1}], "$.grades[0].points"),
        ([{"item": "d", "points": 1, "comment": "\0"}], "$.grades[0].comment"),
    ],
)
async def test_invalid_points_are_rejected_by_their_path(
    grace: Caller, seeded: SeededAttempt, engine: AsyncEngine, grades: list[object], path: str
) -> None:
    refused = await grace.post(path_of(seeded), {"grades": grades})
    assert refused.status_code == 400
    assert [fault["path"] for fault in refused.json()["errors"]] == [path]
    async with engine.connect() as conn:
        assert (await conn.execute(select(AttemptGrade.item).where(AttemptGrade.item == "d"))).one_or_none() is None


async def test_a_running_attempt_cannot_be_graded(users: Users, engine: AsyncEngine, passwords: Passwords) -> None:
    async with engine.begin() as conn:
        running = await seed_attempt(conn, WITH_TEXT)
        await answer(conn, running, "a", "y", 1_000)
        password_hash = await passwords.hash(PASSWORD)
        await conn.execute(
            update(User).where(User.id == running.teacher_id).values(username="grace", password_hash=password_hash)
        )
    grace = await users.sign_in("grace")
    refused = await grace.post(path_of(running), {"grades": [{"item": "d", "points": 1}]})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    read = (await grace.get(path_of(running, "answers"))).json()
    assert (read["items"][0]["answer"]["value"], read["items"][0]["given"], read["max_score"]) == ("y", None, 20)


async def test_reading_and_grading_are_audited(grace: Caller, seeded: SeededAttempt, engine: AsyncEngine) -> None:
    await grace.get(path_of(seeded, "answers"))
    await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": 2.5}]})
    async with engine.connect() as conn:
        rows = await conn.execute(
            select(AuditLog.action, AuditLog.actor_id, AuditLog.resource_id, AuditLog.details)
            .where(AuditLog.resource == "attempt")
            .order_by(AuditLog.id)
        )
        looked, graded = rows.all()
    assert (looked.action, graded.action) == ("read_answers", "grade")
    assert {looked.actor_id, graded.actor_id} == {seeded.teacher_id}
    assert {looked.resource_id, graded.resource_id} == {str(seeded.attempt_id)}
    assert graded.details == {"grades": '{"d":"2.5"}', "final": "False"}


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ([], 404),
        (["can_view", "can_edit", "can_invigilate", "can_view_analytics"], 403),
        (["can_review"], 200),
    ],
)
async def test_keys_and_grades_need_the_review_permission(
    users: Users, seeded: SeededAttempt, engine: AsyncEngine, permissions: list[str], status: int
) -> None:
    other = await users.make(Role.TEACHER, "other")
    async with engine.begin() as conn:
        other_id = (await conn.execute(select(User.id).where(User.username == "other"))).scalar_one()
        if permissions:
            await conn.execute(
                insert(TeacherExamPermission).values(
                    exam_id=seeded.exam_id, teacher_id=other_id, **dict.fromkeys(permissions, True)
                )
            )
    assert (await other.get(path_of(seeded, "answers"))).status_code == status
    assert (await other.post(path_of(seeded), {"grades": []})).status_code == status


async def test_students_and_other_teachers_never_see_keys(users: Users, grace: Caller, seeded: SeededAttempt) -> None:
    student = await users.make(Role.STUDENT, "eve")
    for caller, status in ((student, 403), (users.anonymous, 401)):
        assert (await caller.get(path_of(seeded, "answers"))).status_code == status
        assert (await caller.post(path_of(seeded), {"grades": []})).status_code == status
    assert (await grace.get(f"/teacher/attempts/{uuid4()}/answers")).status_code == 404
    assert (await grace.post(f"/teacher/attempts/{uuid4()}/grade", {"grades": []})).status_code == 404


async def test_simultaneous_grading_is_serialized(grace: Caller, seeded: SeededAttempt) -> None:
    bodies = [{"grades": [{"item": item, "points": 1}]} for item in ("a", "b", "c", "d")]
    answers = await asyncio.gather(*(grace.post(path_of(seeded), body) for body in bodies))
    assert {response.status_code for response in answers} == {200}
    script = (await grace.get(path_of(seeded, "answers"))).json()
    assert (script["score"], script["passed"]) == (4, False)


async def test_an_answer_that_arrived_after_the_end_is_shown_to_the_grader_and_does_not_count(
    grace: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await answer(conn, seeded, "a", "y", 5_000)
        await answer(conn, seeded, "b", ["x", "y"], 5_000)
        await answer(conn, seeded, "d", "Because of its mass.", 5_000)
    script = (await grace.get(path_of(seeded, "answers"))).json()
    a, b, c, d = script["items"]
    assert (a["answer"]["value"], a["given"]["points"]) == ("x", 2)
    assert (a["late"]["value"], a["late"]["revision"], a["late"]["points"]) == ("y", 2, 0)
    assert (b["answer"], b["late"]["value"]) == (None, ["x", "y"])
    assert c["late"] is None
    assert (d["late"]["value"], d["late"]["points"]) == ("Because of its mass.", None)
    assert 0 <= d["late"]["late_ms"] < 60_000


def seen_of(script: dict[str, Any], item: str) -> dict[str, Any] | None:
    given_ = next(one for one in script["items"] if one["item"] == item)["given"]
    return None if given_ is None else {"points": given_["points"], "graded_at": given_["graded_at"]}


async def test_the_second_of_two_graders_learns_of_the_first(grace: Caller, seeded: SeededAttempt) -> None:
    bodies = [{"grades": [{"item": "d", "points": points, "seen": None}]} for points in (3, 4, 5)]
    answers = await asyncio.gather(*(grace.post(path_of(seeded), body) for body in bodies))
    assert sorted(one.status_code for one in answers) == [200, 409, 409]
    won = next(one for one in answers if one.status_code == 200).json()
    stored = next(one for one in won["items"] if one["item"] == "d")["given"]
    for lost in (one.json() for one in answers if one.status_code == 409):
        assert (lost["code"], lost["by"], lost["at"]) == ("conflict", "Grace Example", stored["graded_at"])
    assert given((await grace.get(path_of(seeded, "answers"))).json()) == given(won)


async def test_a_grader_reads_in_a_sentence_that_the_key_was_first(grace: Caller, seeded: SeededAttempt) -> None:
    late = await grace.post(path_of(seeded), {"grades": [{"item": "a", "points": 1, "seen": None}]})
    assert late.status_code == 409
    assert late.json()["detail"] == "The answer key has graded item a since you opened it. Reload and try again."
    assert late.json()["by"] == "key"


@pytest.mark.parametrize("points", ["0.7", "1", " 2 "])
async def test_points_as_text_are_refused(
    grace: Caller, seeded: SeededAttempt, engine: AsyncEngine, points: str
) -> None:
    refused = await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": points}]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert [fault["path"] for fault in refused.json()["errors"]] == ["$.grades[0].points"]


async def test_points_of_minus_zero_are_zero(grace: Caller, seeded: SeededAttempt, engine: AsyncEngine) -> None:
    script = await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": -0.0}]})
    assert script.status_code == 200, script.text
    async with engine.connect() as conn:
        stored = await conn.execute(select(AttemptGrade.points).where(AttemptGrade.item == "d"))
        assert str(stored.scalar_one()) == "0.0"


async def test_points_replace_those_that_the_grader_saw(grace: Caller, seeded: SeededAttempt) -> None:
    script = (await grace.get(path_of(seeded, "answers"))).json()
    body = {"grades": [{"item": "a", "points": 1, "seen": seen_of(script, "a")}]}
    first = await grace.post(path_of(seeded), body)
    assert (first.status_code, given(first.json())["a"]) == (200, (1, "Grace Example"))
    assert (await grace.post(path_of(seeded), body)).status_code == 200, "a repeated request is no conflict"
    stale = {"grades": [{"item": "a", "points": 2, "seen": seen_of(script, "a")}]}
    assert (await grace.post(path_of(seeded), stale)).status_code == 409
    assert (await grace.post(path_of(seeded), {"grades": [{"item": "a", "points": 2}]})).status_code == 200


async def change_passing(grace: Caller, seeded: SeededAttempt, passing: float) -> httpx.Response:
    version = (await grace.get(f"/exams/{seeded.exam_id}")).json()["version"]
    return await grace.patch(f"/exams/{seeded.exam_id}", {"version": version, "passing_score": passing})


async def test_other_points_to_pass_decide_again_about_graded_attempts(
    grace: Caller, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": 7.5}], "final": True})
    async with engine.begin() as conn:
        await conn.execute(update(BehaviorAnalysis).values(state="done"))
    for passing, passed in [(9.5, True), (9.6, False), (9.5, True)]:
        changed = await change_passing(grace, seeded, passing)
        assert changed.status_code == 200, changed.text
        script = (await grace.get(path_of(seeded, "answers"))).json()
        assert (script["score"], script["percentage"], script["passed"]) == (9.5, 47.5, passed)
        assert script["grade_final"]
    async with engine.connect() as conn:
        state = await conn.execute(
            select(BehaviorAnalysis.state).where(BehaviorAnalysis.attempt_id == seeded.attempt_id)
        )
        assert state.scalar_one() == "stale", "a label may depend on it"


async def test_other_points_to_pass_decide_nothing_about_an_attempt_without_a_score(
    grace: Caller, seeded: SeededAttempt
) -> None:
    assert (await change_passing(grace, seeded, 0)).status_code == 200
    assert (await grace.get(path_of(seeded, "answers"))).json()["passed"] is None


async def test_the_points_to_pass_stay_once_results_are_released(grace: Caller, seeded: SeededAttempt) -> None:
    await grace.post(path_of(seeded), {"grades": [{"item": "d", "points": 7.5}], "final": True})
    assert (await grace.post(f"/exams/{seeded.exam_id}/release")).status_code == 200
    refused = await change_passing(grace, seeded, 20)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert refused.json()["detail"] == "The results are released, so the points to pass stay as they are."
    assert (await grace.get(path_of(seeded, "answers"))).json()["passed"] is True
    same = await change_passing(grace, seeded, 5)
    assert same.status_code == 200, "the form of the console sends every field"
