from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AcknowledgedNotice, Exam, ExamAttempt
from db.queries.retention.worker_settings import DataSettings, write_data_settings
from db.retention.times import Times
from protocol.roles import Role
from tests.candidates import system_events
from tests.hub.conftest import Caller, Users

ADA = {"username": "ada", "name": "Ada Example"}


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "teacher")


async def enrol(teacher: Caller, title: str = "Physics") -> tuple[str, str]:
    exam_id = (await teacher.post("/exams", {"title": title, "duration_minutes": 90, "is_published": True})).json()[
        "exam_id"
    ]
    (ada,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    return exam_id, ada["code"]


async def test_starting_again_resumes_the_same_attempt(users: Users, teacher: Caller) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    first = await ada.start(exam_id)
    assert first.status_code == 200
    started = first.json()
    assert started["status"] == "in_progress"
    assert started["deadline"] > ada.tokens["expires_at"]
    elsewhere = await users.sign_in_by_code(code)
    again = (await elsewhere.start(exam_id)).json()
    assert again == {**started, "server_at": again["server_at"]}
    assert again["server_at"] >= started["server_at"]


async def test_students_see_their_exams_and_running_attempts(users: Users, teacher: Caller) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    await users.make(Role.STUDENT, "eve")
    physics, _ = await enrol(teacher, "Physics")
    latin, _ = await enrol(teacher, "Latin")
    started = (await ada.start(physics)).json()
    listed = (await ada.get("/student/exams")).json()["items"]
    del started["server_at"]
    assert [(exam["exam_id"], exam["title"]) for exam in listed] == [(latin, "Latin"), (physics, "Physics")]
    assert [exam["attempt"] for exam in listed] == [None, started]
    assert [exam["state"] for exam in listed] == ["open", "running"]
    eve = await users.sign_in("eve")
    assert (await eve.get("/student/exams")).json() == {"items": [], "next": None}
    assert (await eve.post(f"/student/exams/{physics}/start")).status_code == 404


async def test_a_code_opens_only_its_exam_also_after_a_refresh(users: Users, teacher: Caller) -> None:
    physics, code = await enrol(teacher, "Physics")
    latin, _ = await enrol(teacher, "Latin")
    ada = await users.sign_in_by_code(code)
    renewed = await Caller(users.anonymous.http).sign_in(
        "/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]}
    )
    assert renewed.tokens["exam_id"] == physics
    for caller in (ada, renewed):
        assert (await caller.post(f"/student/exams/{latin}/start")).status_code == 404
        assert [exam["exam_id"] for exam in (await caller.get("/student/exams")).json()["items"]] == [physics]
        assert (await caller.start(physics)).status_code == 200


async def test_an_unpublished_exam_does_not_exist_for_students(
    users: Users, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(is_published=False))
    assert (await ada.get("/student/exams")).json()["items"] == []
    answer = await ada.post(f"/student/exams/{exam_id}/start")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert (await users.anonymous.post("/auth/code", {"code": code})).status_code == 401


async def test_unknown_exams_and_other_roles_are_rejected(users: Users, teacher: Caller) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    assert (await ada.post(f"/student/exams/{uuid4()}/start")).status_code == 404
    assert (await ada.post("/student/exams/physics/start")).status_code == 404
    assert (await teacher.post(f"/student/exams/{uuid4()}/start")).status_code == 403
    assert (await teacher.get("/student/exams")).status_code == 403
    assert (await users.anonymous.get("/student/exams")).status_code == 401


async def test_the_list_of_exams_is_paged(users: Users, teacher: Caller) -> None:
    made, codes = zip(*[await enrol(teacher, title) for title in ("A", "B", "C")], strict=True)
    ada = await users.make(Role.STUDENT, "zoe")
    assert (await ada.get("/student/exams")).json()["items"] == []
    only = await users.sign_in_by_code(codes[0])
    assert [enrollment["exam_id"] for enrollment in (await only.get("/student/exams")).json()["items"]] == [made[0]]
    for exam_id in made:
        await teacher.post(f"/exams/{exam_id}/roster", {"students": [{"username": "zoe", "name": "Zoe"}]})
    seen, after = [], None
    while True:
        page = (await ada.get("/student/exams", limit=2, **({} if after is None else {"after": after}))).json()
        seen += [item["exam_id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == list(made[::-1])
    assert (await ada.get("/student/exams", after="nonsense")).status_code == 400


async def test_the_notice_is_shown_before_anything_is_recorded(
    users: Users, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    (exam,) = (await ada.get("/student/exams")).json()["items"]
    notice = exam["notice"]
    assert exam["monitored"]
    assert notice["kept_days"] == 90
    assert len(notice["recorded"]) > 3
    assert notice["who_sees"]
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(enable_monitoring=False))
    (unwatched,) = (await ada.get("/student/exams")).json()["items"]
    assert len(unwatched["notice"]["recorded"]) < len(notice["recorded"])
    started = (await ada.start(exam_id)).json()
    async with engine.connect() as conn:
        facts = await system_events(conn, UUID(started["attempt_id"]))
    assert facts == [("attempt_started", {}), ("notice_acknowledged", {"version": unwatched["notice"]["version"]})]


async def test_an_exam_that_opens_later_or_has_closed_is_listed_and_not_started(
    users: Users, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    hour = timedelta(hours=1)
    for opens, closes, state in ((hour, 2 * hour, "upcoming"), (-2 * hour, -hour, "closed")):
        async with engine.begin() as conn:
            await conn.execute(update(Exam).values(opens_at=func.now() + opens, closes_at=func.now() + closes))
        (exam,) = (await ada.get("/student/exams")).json()["items"]
        assert exam["state"] == state
        refused = await ada.post(f"/student/exams/{exam_id}/start")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_open")


async def test_an_exam_can_be_taken_once(users: Users, teacher: Caller) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    attempt_id = (await ada.start(exam_id)).json()["attempt_id"]
    assert (await ada.post(f"/student/exams/{attempt_id}/submit")).status_code == 200
    refused = await ada.post(f"/student/exams/{exam_id}/start")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    (exam,) = (await ada.get("/student/exams")).json()["items"]
    assert (exam["state"], exam["attempt"]["status"]) == ("done", "completed")


async def test_a_monitored_exam_starts_only_with_the_notice_that_is_shown(
    users: Users, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    path = f"/student/exams/{exam_id}/start"
    shown = (await ada.get("/student/exams")).json()["items"][0]["notice"]["version"]
    for body in (None, {}, {"notice": shown + 1}):
        refused = await ada.post(path, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "notice_changed")
    assert (await ada.post(path, {"notice": shown})).status_code == 200
    async with engine.connect() as conn:
        attempt = (await conn.execute(select(ExamAttempt.notice))).scalar_one()
        stored = (await conn.execute(select(AcknowledgedNotice))).one()
    assert (attempt, stored.version, stored.body["kept_days"]) == (shown, shown, 90)


async def test_a_running_attempt_goes_on_when_the_notice_changes(
    users: Users, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    first = (await ada.start(exam_id)).json()
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(enable_model=True))
    for body in (None, {"notice": 1}):
        again = await ada.post(f"/student/exams/{exam_id}/start", body)
        assert again.json()["attempt_id"] == first["attempt_id"]
    await ada.start(exam_id)
    async with engine.connect() as conn:
        assert len(set((await conn.execute(select(ExamAttempt.notice))).scalars())) == 1


async def test_an_exam_without_monitoring_starts_without_a_notice(
    users: Users, teacher: Caller, engine: AsyncEngine
) -> None:
    exam_id, code = await enrol(teacher)
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(enable_monitoring=False))
    ada = await users.sign_in_by_code(code)
    assert (await ada.post(f"/student/exams/{exam_id}/start")).status_code == 200


async def test_the_notice_says_what_the_workers_do(users: Users, teacher: Caller, engine: AsyncEngine) -> None:
    _, code = await enrol(teacher)
    ada = await users.sign_in_by_code(code)
    times = Times(events=30, reviews=40, answers=50, addresses=60)
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(enable_model=True))
        await write_data_settings(conn, DataSettings(times, model_host="api.example.com", is_model_local=False))
    (exam,) = (await ada.get("/student/exams")).json()["items"]
    assert exam["notice"]["kept_days"] == 30
    assert "60 days" in exam["notice"]["kept"][-1]
    assert "api.example.com" in exam["notice"]["shared"][0]
