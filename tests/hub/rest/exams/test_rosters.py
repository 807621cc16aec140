from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, CandidateCode, StudentProfile, User
from db.queries import feed
from protocol.roles import Role
from tests.hub.conftest import Caller, Users

EXAM = {"title": "Physics", "duration_minutes": 90, "is_published": True}
ADA: dict[str, str | None] = {"username": "ada", "name": "Ada Example", "email": "ada@school.example"}
EVE = {"username": "Eve", "name": "Eve Example"}


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "teacher")


@pytest.fixture
async def exam_id(teacher: Caller) -> str:
    return str((await teacher.post("/exams", EXAM)).json()["exam_id"])


async def test_a_roster_creates_accounts_and_returns_codes(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA, EVE]})
    assert answer.status_code == 200
    ada, eve = answer.json()
    assert (ada["username"], ada["name"]) == ("ada", "Ada Example")
    assert eve["username"] == "eve"
    async with engine.connect() as conn:
        rows = await feed.read_after(conn, UUID(exam_id), 0)
        accounts = (await conn.execute(select(User.role, User.password_hash).where(User.username == "ada"))).all()
        stored = (await conn.execute(select(CandidateCode.hash))).scalars().all()
    assert [(row.offset, row.kind) for row in rows] == [(1, "student"), (2, "student")]
    assert ada["student_id"].encode() in bytes(rows[0].body)
    assert accounts == [("student", None)]
    assert ada["code"].encode() not in stored
    signed_in = await users.sign_in_by_code(ada["code"].lower().replace("-", " "))
    assert signed_in.tokens["user"]["id"] == ada["student_id"]
    assert signed_in.tokens["exam_id"] == exam_id


async def test_a_repeated_roster_creates_new_codes_and_ends_the_old_ones(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    path = f"/exams/{exam_id}/roster"
    first = (await teacher.post(path, {"students": [ADA, EVE]})).json()
    again = (await teacher.post(path, {"students": [ADA | {"name": "Another Name", "email": None}]})).json()
    assert again[0]["student_id"] == first[0]["student_id"]
    assert again[0]["name"] == "Ada Example"
    assert (await users.anonymous.post("/auth/code", {"code": first[0]["code"]})).status_code == 401
    await users.sign_in_by_code(again[0]["code"])
    await users.sign_in_by_code(first[1]["code"])
    async with engine.connect() as conn:
        assert len(await feed.read_after(conn, UUID(exam_id), 0)) == 2


async def test_a_code_can_be_used_again_on_another_computer(users: Users, teacher: Caller, exam_id: str) -> None:
    (ada,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    first = await users.sign_in_by_code(ada["code"])
    await users.sign_in_by_code(ada["code"])
    assert (await first.get("/student/exams")).status_code == 200


async def test_another_teachers_exam_does_not_exist(users: Users, exam_id: str) -> None:
    other = await users.make(Role.TEACHER, "other")
    for unknown in (exam_id, uuid4()):
        answer = await other.post(f"/exams/{unknown}/roster", {"students": [ADA]})
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
    student = await users.make(Role.STUDENT, "eve")
    assert (await student.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).status_code == 403
    admin = await users.make(Role.ADMIN, "root")
    assert (await admin.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).status_code == 200


async def test_an_invalid_roster_is_rejected_by_its_path(teacher: Caller, exam_id: str) -> None:
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


async def test_a_roster_with_another_users_account_changes_nothing(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})
    for entrant in ({"username": "teacher", "name": "T"}, EVE | {"email": "ADA@school.example"}):
        answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": [{**EVE, "username": "new"}, entrant]})
        assert answer.status_code == 409
        assert str(entrant["username"]).lower() in answer.json()["detail"]
    async with engine.connect() as conn:
        assert len(await feed.read_after(conn, UUID(exam_id), 0)) == 1
        assert (await conn.execute(select(User).where(User.username == "new"))).all() == []


async def test_two_thousand_students_can_be_added_at_once(teacher: Caller, exam_id: str, engine: AsyncEngine) -> None:
    students = [{"username": f"s{number}", "name": f"Student {number}"} for number in range(2000)]
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
    assert [row["username"] for row in answer.json()] == [student["username"] for student in students]
    assert len({row["code"] for row in answer.json()}) == 2000
    async with engine.connect() as conn:
        assert await feed.read_heads(conn, [UUID(exam_id)]) == {UUID(exam_id): 2000}


async def test_a_removed_student_has_no_access_until_added_again(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    (row,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    ada = await users.sign_in_by_code(row["code"])
    path = f"/exams/{exam_id}/roster/{row['student_id']}"
    assert (await teacher.delete(path)).status_code == 204
    assert (await users.anonymous.post("/auth/code", {"code": row["code"]})).status_code == 401
    assert (await ada.get("/student/exams")).json()["items"] == []
    assert (await ada.post(f"/student/exams/{exam_id}/start")).status_code == 404
    assert (await teacher.delete(path)).status_code == 404
    (again,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    await users.sign_in_by_code(again["code"])
    assert (await ada.post(f"/student/exams/{exam_id}/start")).is_success
    async with engine.connect() as conn:
        rows = [delta for delta in await feed.read_after(conn, UUID(exam_id), 0) if delta.kind == "student"]
    assert [msgspec.json.decode(delta.body)["on_roster"] for delta in rows] == [True, False, True]


async def test_another_teachers_roster_cannot_be_changed(users: Users, teacher: Caller, exam_id: str) -> None:
    (row,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    other = await users.make(Role.TEACHER, "other")
    assert (await other.delete(f"/exams/{exam_id}/roster/{row['student_id']}")).status_code == 404
    await users.sign_in_by_code(row["code"])


async def test_a_roster_can_be_csv(users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine) -> None:
    body = "username,name,email,enrollment_id,cohort\nada,Ada Example,ada@school.example,17,7b\nEve,Eve Example,,,\n"
    answer = await teacher.post_csv(f"/exams/{exam_id}/roster", body)
    assert answer.status_code == 200, answer.text
    assert [row["username"] for row in answer.json()] == ["ada", "eve"]
    await users.sign_in_by_code(answer.json()[1]["code"])
    async with engine.connect() as conn:
        profiles = await conn.execute(
            select(StudentProfile.enrollment_id, StudentProfile.cohort).order_by(StudentProfile.user_id)
        )
        assert sorted(profiles.all(), key=str) == [("17", "7b"), (None, None)]
        assert len(await feed.read_after(conn, UUID(exam_id), 0)) == 2


async def test_all_invalid_rows_are_listed_and_nothing_is_changed(
    teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    answer = await teacher.post_csv(f"/exams/{exam_id}/roster", "username,name\nada,Ada\ne v e,Eve\nmax,\nADA,Ada\n")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert [fault["path"] for fault in answer.json()["errors"]] == [
        "row 3, username",
        "row 4, name",
        "row 5, username",
    ]
    async with engine.connect() as conn:
        assert (await conn.execute(select(User).where(User.username == "ada"))).all() == []


async def test_all_rows_of_other_accounts_are_listed(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    path = f"/exams/{exam_id}/roster"
    await teacher.post(path, {"students": [ADA | {"enrollment_id": "17"}]})
    await users.make(Role.TEACHER, "other")
    body = (
        "username,name,email,enrollment_id\nnew,New,,\nother,Other,,\n"
        "eve,Eve,ADA@school.example,\nmax,Max,,17\nada,Ada,,\n"
    )
    answer = await teacher.post_csv(path, body)
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [
        "row 3, username",
        "row 4, email",
        "row 5, enrollment_id",
    ]
    async with engine.connect() as conn:
        assert (await conn.execute(select(User).where(User.username.in_(["new", "max", "eve"])))).all() == []
    answer = await teacher.post(path, {"students": [{"username": "max", "name": "Max", "enrollment_id": "17"}]})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "max: another account already has this enrollment id.",
    )


async def test_a_roster_is_listed_by_username_page_by_page(teacher: Caller, exam_id: str) -> None:
    path = f"/exams/{exam_id}/roster"
    ada, _ = (await teacher.post(path, {"students": [ADA, EVE]})).json()
    await teacher.delete(f"{path}/{ada['student_id']}")
    first = (await teacher.get(path, limit=1)).json()
    assert [(row["username"], row["email"], row["on_roster"]) for row in first["items"]] == [
        ("ada", "ada@school.example", False)
    ]
    rest = (await teacher.get(path, limit=1, after=first["next"])).json()
    assert [(row["username"], row["on_roster"]) for row in rest["items"]] == [("eve", True)]
    assert rest["next"] is None
    assert rest["items"][0]["enrolled_at"] > 1_700_000_000_000


async def test_the_edit_permission_allows_roster_changes_which_are_audited(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    other = await users.make(Role.TEACHER, "other")
    path = f"/exams/{exam_id}/roster"
    await teacher.put(f"/exams/{exam_id}/permissions/other", {"can_view": True})
    assert (await other.post(path, {"students": [ADA]})).status_code == 403
    await teacher.put(f"/exams/{exam_id}/permissions/other", {"can_edit": True})
    (row,) = (await other.post(path, {"students": [ADA]})).json()
    assert (await other.delete(f"{path}/{row['student_id']}")).status_code == 204
    async with engine.connect() as conn:
        noted = await conn.execute(
            select(AuditLog.action, AuditLog.details).where(AuditLog.action.in_(["extend_roster", "leave_roster"]))
        )
    assert [tuple(one) for one in noted] == [
        ("extend_roster", {"students": "1", "new": "1"}),
        ("leave_roster", {"student": row["student_id"]}),
    ]
