from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Exam
from protocol.people import Role
from tests.hub.conftest import Caller, People

ADA = {"username": "ada", "name": "Ada Example"}


@pytest.fixture
async def teacher(people: People) -> Caller:
    return await people.make(Role.TEACHER, "teacher")


async def enrol(teacher: Caller, title: str = "Physics") -> tuple[str, str]:
    exam_id = (await teacher.post("/exams", {"title": title, "duration_minutes": 90, "is_published": True})).json()[
        "exam_id"
    ]
    (ada,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    return exam_id, ada["code"]


async def test_starting_again_goes_on_with_the_same_attempt(people: People, teacher: Caller) -> None:
    exam_id, code = await enrol(teacher)
    ada = await people.sign_in_by_code(code)
    first = await ada.post(f"/student/exams/{exam_id}/start")
    assert first.status_code == 200
    started = first.json()
    assert started["status"] == "in_progress"
    assert started["deadline"] > ada.tokens["expires_at"]
    elsewhere = await people.sign_in_by_code(code)
    assert (await elsewhere.post(f"/student/exams/{exam_id}/start")).json() == started


async def test_students_see_the_exams_they_are_enrolled_in_and_what_runs(people: People, teacher: Caller) -> None:
    ada = await people.make(Role.STUDENT, "ada")
    await people.make(Role.STUDENT, "eve")
    physics, _ = await enrol(teacher, "Physics")
    latin, _ = await enrol(teacher, "Latin")
    started = (await ada.post(f"/student/exams/{physics}/start")).json()
    listed = (await ada.get("/student/exams")).json()
    assert [(exam["exam_id"], exam["title"]) for exam in listed] == [(latin, "Latin"), (physics, "Physics")]
    assert [exam["attempt"] for exam in listed] == [None, started]
    eve = await people.sign_in("eve")
    assert (await eve.get("/student/exams")).json() == []
    assert (await eve.post(f"/student/exams/{physics}/start")).status_code == 404


async def test_a_code_opens_its_own_exam_and_no_other_even_after_a_refresh(people: People, teacher: Caller) -> None:
    physics, code = await enrol(teacher, "Physics")
    latin, _ = await enrol(teacher, "Latin")
    ada = await people.sign_in_by_code(code)
    renewed = await Caller(people.nobody.http).sign_in("/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]})
    assert renewed.tokens["exam_id"] == physics
    for caller in (ada, renewed):
        assert (await caller.post(f"/student/exams/{latin}/start")).status_code == 404
        assert [exam["exam_id"] for exam in (await caller.get("/student/exams")).json()] == [physics]
        assert (await caller.post(f"/student/exams/{physics}/start")).status_code == 200


async def test_an_unpublished_exam_does_not_exist_for_students(
    people: People, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    ada = await people.sign_in_by_code(code)
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(is_published=False))
    assert (await ada.get("/student/exams")).json() == []
    answer = await ada.post(f"/student/exams/{exam_id}/start")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert (await people.nobody.post("/auth/code", {"code": code})).status_code == 401


async def test_unknown_exams_and_other_roles_are_refused(people: People, teacher: Caller) -> None:
    ada = await people.make(Role.STUDENT, "ada")
    assert (await ada.post(f"/student/exams/{uuid4()}/start")).status_code == 404
    assert (await ada.post("/student/exams/physics/start")).status_code == 404
    assert (await teacher.post(f"/student/exams/{uuid4()}/start")).status_code == 403
    assert (await teacher.get("/student/exams")).status_code == 403
    assert (await people.nobody.get("/student/exams")).status_code == 401
