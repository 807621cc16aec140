from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, CandidateCode, ExamPolicy, TeacherProfile, User
from db.queries import feed
from judgement.policy import preset, read_policy
from protocol.people import Role
from tests.hub.conftest import Caller, People

EXAM = {"title": "Physics", "duration_minutes": 90}
ADA = {"username": "ada", "name": "Ada Example", "email": "ada@school.example"}
EVE = {"username": "Eve", "name": "Eve Example"}


@pytest.fixture
async def teacher(people: People) -> Caller:
    return await people.make(Role.TEACHER, "teacher")


@pytest.fixture
async def exam_id(teacher: Caller) -> str:
    return (await teacher.post("/exams", EXAM)).json()["exam_id"]


async def test_an_exam_is_published_with_its_policy_and_its_feed(teacher: Caller, engine: AsyncEngine) -> None:
    answer = await teacher.post("/exams", EXAM | {"preset": "camera", "subject": "Science", "description": "a\nb"})
    assert answer.status_code == 201
    exam = answer.json()
    assert exam["is_published"]
    assert (exam["title"], exam["subject"], exam["duration_minutes"]) == ("Physics", "Science", 90)
    async with engine.connect() as conn:
        policy = (await conn.execute(select(ExamPolicy))).one()
        assert list((await feed.heads(conn, [policy.exam_id])).values()) == [0]
        trail = (await conn.execute(select(AuditLog.action, AuditLog.resource_id))).all()
    assert policy.version == 1
    assert read_policy(policy.settings) == preset("camera")
    assert trail[-1] == ("create_exam", exam["exam_id"])


async def test_a_bad_exam_is_refused_by_its_path(teacher: Caller) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"title": ""}, "$.title"),
        ({"title": "a\0"}, "$.title"),
        ({"title": "x" * 201}, "$.title"),
        ({"duration_minutes": 0}, "$.duration_minutes"),
        ({"duration_minutes": 10**9}, "$.duration_minutes"),
        ({"duration_minutes": "soon"}, "$.duration_minutes"),
        ({"preset": "strict"}, "$.preset"),
        ({"description": "\0"}, "$.description"),
    ]
    for change, path in cases:
        answer = await teacher.post("/exams", EXAM | change)
        assert answer.status_code == 400, change
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_students_and_teachers_without_the_right_create_no_exam(
    people: People, engine: AsyncEngine, teacher: Caller
) -> None:
    student = await people.make(Role.STUDENT, "ada")
    assert (await student.post("/exams", EXAM)).status_code == 403
    async with engine.begin() as conn:
        await conn.execute(update(TeacherProfile).values(can_create_exams=False))
    assert (await teacher.post("/exams", EXAM)).status_code == 403
    admin = await people.make(Role.ADMIN, "root")
    assert (await admin.post("/exams", EXAM)).status_code == 201


async def test_teachers_see_their_own_exams_and_administrators_all(
    people: People, teacher: Caller, exam_id: str
) -> None:
    other = await people.make(Role.TEACHER, "other")
    admin = await people.make(Role.ADMIN, "root")
    assert [exam["exam_id"] for exam in (await teacher.get("/exams")).json()["exams"]] == [exam_id]
    assert (await other.get("/exams")).json() == {"exams": [], "next": None}
    assert [exam["exam_id"] for exam in (await admin.get("/exams")).json()["exams"]] == [exam_id]


async def test_exams_are_listed_page_by_page_the_newest_first(teacher: Caller) -> None:
    made = [(await teacher.post("/exams", EXAM)).json()["exam_id"] for _ in range(5)]
    seen, before = [], {}
    while True:
        page = (await teacher.get("/exams", limit=2, **before)).json()
        seen += [exam["exam_id"] for exam in page["exams"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert seen == made[::-1]


async def test_a_bad_page_is_refused_by_its_path(teacher: Caller) -> None:
    for name, value in (("limit", 0), ("limit", 201), ("limit", "x"), ("before", "x")):
        answer = await teacher.get("/exams", **{name: value})
        assert answer.status_code == 400, value
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"query.{name}"]


async def test_a_roster_makes_accounts_enrols_and_answers_codes(
    people: People, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA, EVE]})
    assert answer.status_code == 200
    ada, eve = answer.json()
    assert (ada["username"], ada["name"]) == ("ada", "Ada Example")
    assert eve["username"] == "eve"
    async with engine.connect() as conn:
        rows = await feed.read_after(conn, exam_id, 0)
        accounts = (await conn.execute(select(User.role, User.password_hash).where(User.username == "ada"))).all()
        stored = (await conn.execute(select(CandidateCode.hash))).scalars().all()
    assert [(row.offset, row.kind) for row in rows] == [(1, "student"), (2, "student")]
    assert ada["student_id"].encode() in bytes(rows[0].body)
    assert accounts == [("student", None)]
    assert ada["code"].encode() not in stored
    signed_in = await people.sign_in_by_code(ada["code"].lower().replace("-", " "))
    assert signed_in.tokens["user"]["id"] == ada["student_id"]
    assert signed_in.tokens["exam_id"] == exam_id


async def test_a_repeated_roster_gives_fresh_codes_and_ends_the_older_ones(
    people: People, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    path = f"/exams/{exam_id}/roster"
    first = (await teacher.post(path, {"students": [ADA, EVE]})).json()
    again = (await teacher.post(path, {"students": [ADA | {"name": "Another Name", "email": None}]})).json()
    assert again[0]["student_id"] == first[0]["student_id"]
    assert again[0]["name"] == "Ada Example"
    assert (await people.nobody.post("/auth/code", {"code": first[0]["code"]})).status_code == 401
    await people.sign_in_by_code(again[0]["code"])
    await people.sign_in_by_code(first[1]["code"])
    async with engine.connect() as conn:
        assert len(await feed.read_after(conn, exam_id, 0)) == 2


async def test_a_code_may_be_used_again_from_another_machine(people: People, teacher: Caller, exam_id: str) -> None:
    (ada,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    first = await people.sign_in_by_code(ada["code"])
    await people.sign_in_by_code(ada["code"])
    assert (await first.get("/student/exams")).status_code == 200


async def test_somebody_elses_exam_does_not_exist(people: People, exam_id: str) -> None:
    other = await people.make(Role.TEACHER, "other")
    for unknown in (exam_id, uuid4()):
        answer = await other.post(f"/exams/{unknown}/roster", {"students": [ADA]})
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    student = await people.make(Role.STUDENT, "eve")
    assert (await student.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).status_code == 403
    admin = await people.make(Role.ADMIN, "root")
    assert (await admin.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).status_code == 200


async def test_a_bad_roster_is_refused_by_its_path(teacher: Caller, exam_id: str) -> None:
    cases: list[tuple[object, str]] = [
        ([], "$.students"),
        ([ADA, ADA | {"username": "ADA"}], "$.students[1].username"),
        ([ADA, EVE | {"username": "e v e"}], "$.students[1].username"),
        ([{"username": "ada"}], "$.students[0]"),
        ("ada", "$.students"),
    ]
    for students, path in cases:
        answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
        assert answer.status_code == 400, students
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_a_roster_that_names_somebody_elses_account_changes_nothing(
    people: People, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})
    for entrant in ({"username": "teacher", "name": "T"}, EVE | {"email": "ADA@school.example"}):
        answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": [{**EVE, "username": "new"}, entrant]})
        assert answer.status_code == 409
        assert entrant["username"] in answer.json()["detail"]
    async with engine.connect() as conn:
        assert len(await feed.read_after(conn, exam_id, 0)) == 1
        assert (await conn.execute(select(User).where(User.username == "new"))).all() == []


async def test_a_whole_year_is_enrolled_at_once(teacher: Caller, exam_id: str, engine: AsyncEngine) -> None:
    students = [{"username": f"s{number}", "name": f"Student {number}"} for number in range(2000)]
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
    assert [row["username"] for row in answer.json()] == [student["username"] for student in students]
    assert len({row["code"] for row in answer.json()}) == 2000
    async with engine.connect() as conn:
        assert await feed.heads(conn, [UUID(exam_id)]) == {UUID(exam_id): 2000}


async def test_a_student_taken_off_the_roster_is_out_until_put_on_it_again(
    people: People, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    (row,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    ada = await people.sign_in_by_code(row["code"])
    path = f"/exams/{exam_id}/roster/{row['student_id']}"
    assert (await teacher.delete(path)).status_code == 204
    assert (await people.nobody.post("/auth/code", {"code": row["code"]})).status_code == 401
    assert (await ada.get("/student/exams")).json() == []
    assert (await ada.post(f"/student/exams/{exam_id}/start")).status_code == 404
    assert (await teacher.delete(path)).status_code == 404
    (again,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    await people.sign_in_by_code(again["code"])
    assert (await ada.post(f"/student/exams/{exam_id}/start")).is_success
    async with engine.connect() as conn:
        rows = [delta for delta in await feed.read_after(conn, UUID(exam_id), 0) if delta.kind == "student"]
    assert [msgspec.json.decode(delta.body)["on_roster"] for delta in rows] == [True, False, True]


async def test_nobody_takes_students_off_somebody_elses_roster(people: People, teacher: Caller, exam_id: str) -> None:
    (row,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    other = await people.make(Role.TEACHER, "other")
    assert (await other.delete(f"/exams/{exam_id}/roster/{row['student_id']}")).status_code == 404
    await people.sign_in_by_code(row["code"])
