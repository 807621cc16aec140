from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, ExamAttempt, ExamPolicy, TeacherProfile
from db.queries import feed
from judgement.policy import preset, read_policy
from protocol.attempts import AttemptStatus
from protocol.roles import Permission, Role
from tests.hub.conftest import Caller, Users

EXAM = {"title": "Physics", "duration_minutes": 90}
ADA = {"username": "ada", "name": "Ada Example"}


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "teacher")


@pytest.fixture
async def exam(teacher: Caller) -> dict[str, Any]:
    exam: dict[str, Any] = (await teacher.post("/exams", EXAM)).json()
    return exam


def path_of(exam: dict[str, Any], *below: str) -> str:
    return "/".join(["/exams", exam["exam_id"], *below])


async def audited_actions(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as conn:
        found = await conn.execute(select(AuditLog.action).where(AuditLog.resource == "exam").order_by(AuditLog.id))
        return list(found.scalars())


async def test_an_exam_is_a_draft_with_its_policy_and_its_feed(teacher: Caller, engine: AsyncEngine) -> None:
    answer = await teacher.post("/exams", EXAM | {"preset": "camera", "subject": "Science", "description": "a\nb"})
    assert answer.status_code == 201
    exam = answer.json()
    assert not exam["is_published"]
    assert (exam["title"], exam["subject"], exam["duration_minutes"]) == ("Physics", "Science", 90)
    assert exam["permissions"] == list(Permission)
    async with engine.connect() as conn:
        policy = (await conn.execute(select(ExamPolicy))).one()
        assert list((await feed.read_heads(conn, [policy.exam_id])).values()) == [0]
        row = (await conn.execute(select(AuditLog).order_by(AuditLog.id.desc()).limit(1))).one()
    assert policy.version == 1
    assert read_policy(policy.settings) == preset("camera")
    assert (row.action, row.resource_id) == ("create_exam", exam["exam_id"])
    assert row.ip is not None
    assert (await teacher.get(path_of(exam))).json() == exam


async def test_every_field_of_an_exam_is_stored(teacher: Caller) -> None:
    fields = EXAM | {
        "topic": "Optics",
        "passing_score": 2.5,
        "opens_at": 1_800_000_000_000,
        "closes_at": 1_800_000_000_001,
        "enable_monitoring": False,
        "enable_model": True,
        "is_published": True,
    }
    exam = (await teacher.post("/exams", fields)).json()
    assert {name: exam[name] for name in fields} == fields


async def test_an_invalid_exam_is_rejected_by_its_path(teacher: Caller) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"title": ""}, "$.title"),
        ({"title": "a\0"}, "$.title"),
        ({"title": "x" * 201}, "$.title"),
        ({"duration_minutes": 0}, "$.duration_minutes"),
        ({"duration_minutes": 10**9}, "$.duration_minutes"),
        ({"duration_minutes": "soon"}, "$.duration_minutes"),
        ({"preset": "strict"}, "$.preset"),
        ({"description": "\0"}, "$.description"),
        ({"passing_score": -1}, "$.passing_score"),
        ({"opens_at": -1}, "$.opens_at"),
        ({"closes_at": 10**18}, "$.closes_at"),
        ({"opens_at": 5, "closes_at": 5}, "$.closes_at"),
    ]
    for change, path in cases:
        answer = await teacher.post("/exams", EXAM | change)
        assert answer.status_code == 400, change
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_students_and_teachers_without_the_right_create_no_exam(
    users: Users, engine: AsyncEngine, teacher: Caller
) -> None:
    student = await users.make(Role.STUDENT, "ada")
    assert (await student.post("/exams", EXAM)).status_code == 403
    async with engine.begin() as conn:
        await conn.execute(update(TeacherProfile).values(can_create_exams=False))
    assert (await teacher.post("/exams", EXAM)).status_code == 403
    admin = await users.make(Role.ADMIN, "root")
    assert (await admin.post("/exams", EXAM)).status_code == 201


async def test_teachers_see_their_own_exams_and_administrators_all(
    users: Users, teacher: Caller, exam: dict[str, Any]
) -> None:
    other = await users.make(Role.TEACHER, "other")
    admin = await users.make(Role.ADMIN, "root")
    assert (await teacher.get("/exams")).json() == {"items": [exam], "next": None}
    assert (await other.get("/exams")).json() == {"items": [], "next": None}
    assert (await admin.get("/exams")).json()["items"] == [exam]


async def test_exams_are_paged_newest_first(teacher: Caller) -> None:
    made = [(await teacher.post("/exams", EXAM)).json()["exam_id"] for _ in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await teacher.get("/exams", limit=2, **after)).json()
        seen += [exam["exam_id"] for exam in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == made[::-1]


async def test_an_invalid_page_is_rejected_by_its_path(teacher: Caller) -> None:
    for name, value in (("limit", 0), ("limit", 201), ("limit", "x"), ("after", "x"), ("after", "")):
        answer = await teacher.get("/exams", **{name: value})
        assert answer.status_code == 400, value
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"query.{name}"]


async def test_an_edit_changes_only_its_fields_and_is_audited(
    teacher: Caller, exam: dict[str, Any], engine: AsyncEngine
) -> None:
    edited = await teacher.patch(path_of(exam), {"version": 1, "topic": "Optics", "opens_at": 7})
    assert edited.json() == exam | {"version": 2, "topic": "Optics", "opens_at": 7}
    cleared = await teacher.patch(path_of(exam), {"version": 2, "opens_at": None, "title": "Latin"})
    assert cleared.json() == exam | {"version": 3, "topic": "Optics", "title": "Latin"}
    assert await audited_actions(engine) == ["create_exam", "edit_exam", "edit_exam"]


async def test_an_edit_of_an_older_version_changes_nothing(teacher: Caller, exam: dict[str, Any]) -> None:
    await teacher.patch(path_of(exam), {"version": 1, "topic": "Optics"})
    answer = await teacher.patch(path_of(exam), {"version": 1, "topic": "Waves"})
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"
    assert (await teacher.get(path_of(exam))).json()["topic"] == "Optics"


async def test_an_invalid_edit_is_rejected_by_its_path(teacher: Caller, exam: dict[str, Any]) -> None:
    await teacher.patch(path_of(exam), {"version": 1, "opens_at": 100})
    cases: list[tuple[dict[str, object], str]] = [
        ({"topic": "x"}, "$"),
        ({"version": 2, "title": ""}, "$.title"),
        ({"version": 2, "title": None}, "$.title"),
        ({"version": 2, "closes_at": 100}, "$.closes_at"),
        ({"version": 2, "is_published": True}, "$"),
    ]
    for edit, path in cases:
        answer = await teacher.patch(path_of(exam), edit)
        assert answer.status_code == 400, edit
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_a_change_that_boards_show_reaches_the_feed(
    teacher: Caller, exam: dict[str, Any], engine: AsyncEngine
) -> None:
    await teacher.patch(path_of(exam), {"version": 1, "topic": "Optics"})
    await teacher.patch(path_of(exam), {"version": 2, "title": "Latin", "duration_minutes": 30})
    async with engine.connect() as conn:
        (row,) = await feed.read_after(conn, UUID(exam["exam_id"]), 0)
    assert row.kind == "exam"
    assert msgspec.json.decode(row.body) == {"exam_id": exam["exam_id"], "title": "Latin", "duration_minutes": 30}


async def test_students_see_an_exam_while_it_is_published(
    users: Users, teacher: Caller, exam: dict[str, Any], engine: AsyncEngine
) -> None:
    (ada,) = (await teacher.post(path_of(exam, "roster"), {"students": [ADA]})).json()
    assert (await users.anonymous.post("/auth/code", {"code": ada["code"]})).status_code == 401
    for _ in range(2):
        assert (await teacher.post(path_of(exam, "publish"))).json()["is_published"]
    student = await users.sign_in_by_code(ada["code"])
    assert [one["exam_id"] for one in (await student.get("/student/exams")).json()["items"]] == [exam["exam_id"]]
    await student.start(exam["exam_id"])
    answer = await teacher.post(path_of(exam, "unpublish"))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(status=AttemptStatus.ENDED))
    for _ in range(2):
        assert not (await teacher.post(path_of(exam, "unpublish"))).json()["is_published"]
    assert (await student.get("/student/exams")).json()["items"] == []
    assert await audited_actions(engine) == ["create_exam", "extend_roster", "publish", "unpublish"]


async def test_results_are_released_once(teacher: Caller, exam: dict[str, Any], engine: AsyncEngine) -> None:
    first = (await teacher.post(path_of(exam, "release"))).json()
    assert first["results_released_at"] > 1_700_000_000_000
    assert (await teacher.post(path_of(exam, "release"))).json() == first
    assert await audited_actions(engine) == ["create_exam", "release"]


async def test_another_teachers_exam_does_not_exist(users: Users, exam: dict[str, Any]) -> None:
    other = await users.make(Role.TEACHER, "other")
    for unknown in (exam, {"exam_id": str(uuid4())}):
        for answer in (
            await other.get(path_of(unknown)),
            await other.patch(path_of(unknown), {"version": 1, "title": "Mine"}),
            await other.post(path_of(unknown, "publish")),
            await other.post(path_of(unknown, "unpublish")),
            await other.post(path_of(unknown, "release")),
        ):
            assert answer.status_code == 404
            assert answer.json()["code"] == "not_found"
