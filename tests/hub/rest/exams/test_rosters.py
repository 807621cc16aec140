from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, CandidateCode, StudentProfile, User
from db.queries import feed
from protocol.roles import Origin, Role
from tests.hub.conftest import PASSWORD, Caller, Users

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


async def test_a_repeated_roster_keeps_codes_and_gives_new_students_theirs(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    path = f"/exams/{exam_id}/roster"
    (ada,) = (await teacher.post(path, {"students": [ADA]})).json()
    again, eve = (await teacher.post(path, {"students": [ADA | {"name": "Ada E."}, EVE]})).json()
    assert (again["student_id"], again["name"], again["code"]) == (ada["student_id"], "Ada E.", None)
    await users.sign_in_by_code(ada["code"])
    await users.sign_in_by_code(eve["code"])
    async with engine.connect() as conn:
        rows = await feed.read_after(conn, UUID(exam_id), 0)
    assert [msgspec.json.decode(row.body)["name"] for row in rows] == ["Ada Example", "Ada E.", "Eve Example"]
    listed = (await teacher.get(path)).json()["items"]
    assert [(row["name"], row["email"], row["has_code"]) for row in listed] == [
        ("Ada E.", "ada@school.example", True),
        ("Eve Example", None, True),
    ]


async def test_renewed_codes_end_the_old_ones_and_their_sessions(users: Users, teacher: Caller, exam_id: str) -> None:
    path = f"/exams/{exam_id}/roster"
    ada, eve = (await teacher.post(path, {"students": [ADA, EVE]})).json()
    old, other = await users.sign_in_by_code(ada["code"]), await users.sign_in_by_code(eve["code"])
    (renewed,) = (await teacher.post(f"{path}/codes", {"students": ["ADA"]})).json()
    assert (await users.anonymous.post("/auth/code", {"code": ada["code"]})).status_code == 401
    refresh = {"refresh_token": old.tokens["refresh_token"]}
    answers = [await old.get("/student/exams"), await users.anonymous.post("/auth/refresh", refresh)]
    assert [answer.status_code for answer in answers] == [401, 401]
    await users.sign_in_by_code(renewed["code"])
    assert (await other.get("/student/exams")).status_code == 200
    everyone = (await teacher.post(f"{path}/codes")).json()
    assert [row["username"] for row in everyone] == ["ada", "eve"]
    unknown = await teacher.post(f"{path}/codes", {"students": ["ada", "unknown"]})
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (400, "$.students[1]")


async def test_a_user_who_registers_a_username_first_does_not_sit_the_exam(
    users: Users, teacher: Caller, exam_id: str
) -> None:
    stranger = {"username": "victim", "password": PASSWORD, "name": "Typed Name"}
    registered = (await users.anonymous.post("/auth/register", stranger)).json()
    path = f"/exams/{exam_id}/roster"
    body: dict[str, object] = {"students": [{"username": "Victim", "name": "Victim Real"}]}
    refused = await teacher.post(path, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "needs_confirmation")
    assert refused.json()["to_confirm"] == [
        {
            "path": "$.students[0]",
            "username": "victim",
            "name": "Victim Real",
            "registered_name": "Typed Name",
        }
    ]
    by_file = await teacher.post_csv(path, "username,name\nvictim,Victim Real\n")
    assert (by_file.status_code, by_file.json()["to_confirm"][0]["path"]) == (409, "row 2")
    assert (await teacher.get(path)).json()["items"] == []

    (row,) = (await teacher.post(path, body | {"confirm": ["VICTIM"]})).json()
    assert (row["student_id"], row["name"]) == (registered["user"]["id"], "Victim Real")
    caller = Caller(users.anonymous.http)
    caller.tokens = registered
    assert (await caller.get("/student/exams")).status_code == 401
    login = {"username": "victim", "password": PASSWORD}
    assert (await users.anonymous.post("/auth/login", login)).status_code == 401
    victim = await users.sign_in_by_code(row["code"])
    assert (await victim.start(exam_id)).is_success


async def test_a_confirmation_can_come_with_a_file(users: Users, teacher: Caller, exam_id: str) -> None:
    await users.anonymous.post("/auth/register", {"username": "victim", "password": PASSWORD, "name": "Typed"})
    path = f"/exams/{exam_id}/roster?confirm=victim"
    answer = await teacher.post_csv(path, "username,name\nvictim,Victim Real\n")
    assert answer.status_code == 200, answer.text


async def test_a_self_made_account_that_was_on_a_roster_before_needs_its_code(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    (row,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    async with engine.begin() as conn:
        await conn.execute(update(User).where(User.username == "ada").values(origin=Origin.SELF))
    refused = await ada.post(f"/student/exams/{exam_id}/start")
    assert (refused.status_code, "exam code" in refused.json()["detail"]) == (403, True)
    by_code = await users.sign_in_by_code(row["code"])
    started = (await by_code.start(exam_id)).json()
    assert (await ada.get(f"/student/exams/{started['attempt_id']}")).status_code == 404


async def test_a_teacher_takes_an_exam_of_another_teacher_by_code_only(
    users: Users, teacher: Caller, exam_id: str
) -> None:
    assistant = await users.make(Role.TEACHER, "assistant")
    (row,) = (
        await teacher.post(f"/exams/{exam_id}/roster", {"students": [{"username": "assistant", "name": "A. T."}]})
    ).json()
    candidate = await users.sign_in_by_code(row["code"])
    assert (candidate.tokens["user"]["role"], candidate.tokens["user"]["name"]) == ("student", "A. T.")
    started = await candidate.start(exam_id)
    assert started.is_success
    assert (await candidate.get(f"/student/exams/{started.json()['attempt_id']}")).status_code == 200
    assert (await candidate.post("/auth/ws-ticket", {"purpose": "monitor"})).status_code == 200
    assert (await candidate.post("/auth/ws-ticket", {"purpose": "console"})).status_code == 403
    assert (await candidate.get("/exams")).status_code == 403
    assert (await assistant.post(f"/student/exams/{exam_id}/start")).status_code == 403
    assert (await assistant.get("/exams")).status_code == 200
    granting = await teacher.put(f"/exams/{exam_id}/permissions/assistant", {"can_view": True})
    assert granting.status_code == 409


async def test_who_runs_the_exam_cannot_be_on_its_roster(users: Users, teacher: Caller, exam_id: str) -> None:
    await users.make(Role.TEACHER, "granted")
    await users.make(Role.ADMIN, "root")
    await teacher.put(f"/exams/{exam_id}/permissions/granted", {"can_view": True})
    students = [{"username": name, "name": "N"} for name in ("teacher", "granted", "root")]
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [f"$.students[{n}].username" for n in range(3)]
    assert len({fault["message"] for fault in answer.json()["errors"]}) == 1


async def test_a_stranger_who_adds_a_student_learns_nothing_about_the_account(
    users: Users, teacher: Caller, exam_id: str
) -> None:
    await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA | {"enrollment_id": "17", "cohort": "7b"}]})
    other = await users.make(Role.TEACHER, "other")
    own = (await other.post("/exams", EXAM)).json()["exam_id"]
    path = f"/exams/{own}/roster"
    (row,) = (await other.post(path, {"students": [{"username": "ada", "name": "List Name"}]})).json()
    ada = await users.sign_in_by_code(row["code"])
    await ada.start(own)
    answers = [
        await other.get(path),
        await other.get(f"/teacher/students/{row['student_id']}"),
        await other.get(f"/teacher/exams/{own}/attempts"),
        await ada.get("/student/dashboard"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    seen = "".join(answer.text for answer in answers) + str(row) + str(ada.tokens)
    assert [secret for secret in ("Ada Example", "ada@school.example", '"17"', '"7b"') if secret in seen] == []
    assert "List Name" in answers[2].text
    assert (await ada.get("/student/exams")).json()["items"][0]["teacher"] == "Other"


async def test_siblings_may_share_an_address(teacher: Caller, exam_id: str) -> None:
    students = [ADA, EVE | {"email": ADA["email"]}]
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
    assert answer.status_code == 200


async def test_usernames_of_universities_can_be_added_and_sign_in_in_any_spelling(
    users: Users, teacher: Caller, exam_id: str
) -> None:
    names = ["sean.o'brien@uni.example", "Müller", "_svc", "SCHOOL\\ada", "李雷"]
    students = [{"username": name, "name": "N"} for name in names]
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
    assert [row["username"] for row in answer.json()] == [name.lower() for name in names]
    await users.make(Role.TEACHER, "Zoë")
    login = {"username": "ZOE\u0308", "password": PASSWORD}
    assert (await users.anonymous.post("/auth/login", login)).status_code == 200


@pytest.mark.parametrize("name", ["", " ", "\u200b", "Ada\u202e", "Ada\u2066", "Ada\u2028x", "\ufeff"])
async def test_a_name_that_cannot_be_seen_or_misleads_is_refused(teacher: Caller, exam_id: str, name: str) -> None:
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": [{"username": "ada", "name": name}]})
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == ["$.students[0].name"]


async def test_a_student_is_added_by_enrollment_id(teacher: Caller, exam_id: str) -> None:
    await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA | {"enrollment_id": "17"}]})
    other = (await teacher.post("/exams", EXAM)).json()["exam_id"]
    answer = await teacher.post_csv(f"/exams/{other}/roster", "Matrikelnummer;Name\n17;Ada E.\n")
    assert [(row["username"], row["name"]) for row in answer.json()] == [("ada", "Ada E.")]
    unknown = await teacher.post_csv(f"/exams/{other}/roster", "Matrikelnummer;Name\n18;Eve\n")
    assert [fault["path"] for fault in unknown.json()["errors"]] == ["row 2, enrollment_id"]


async def test_a_preview_shows_how_a_file_is_understood_and_changes_nothing(
    users: Users, teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    path = f"/exams/{exam_id}/roster"
    await teacher.post(path, {"students": [ADA]})
    await users.anonymous.post("/auth/register", {"username": "victim", "password": PASSWORD, "name": "Typed"})
    file = "Login;Vorname;Nachname;Telefon\r\nADA;Ada;Núñez;1\r\nvictim;Victim;Real;2\r\nnew;New;One;3\r\n"
    preview = (await teacher.post_csv(f"{path}/preview", file.encode("cp1252"))).json()
    rows = [(row["row"], row["username"], row["name"], row["on_roster"]) for row in preview["rows"]]
    assert rows == [(2, "ada", "Ada Núñez", True), (3, "victim", "Victim Real", False), (4, "new", "New One", False)]
    assert (preview["encoding"], preview["separator"], preview["not_read"]) == ("Windows-1252", ";", ["Telefon"])
    assert preview["faults"] == []
    assert [(one["path"], one["registered_name"]) for one in preview["to_confirm"]] == [("row 3", "Typed")]
    async with engine.connect() as conn:
        assert (await conn.execute(select(User).where(User.username == "new"))).all() == []
    wrong = (await teacher.post_csv(f"{path}/preview", "username,name\nteacher,T\n")).json()
    assert [fault["path"] for fault in wrong["faults"]] == ["row 2, username"]
    pasted = (await teacher.post_csv(f"{path}/preview?header=optional", "cy, Cy")).json()
    assert [(row["username"], row["name"]) for row in pasted["rows"]] == [("cy", "Cy")]


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


async def test_a_roster_with_an_account_that_cannot_be_added_changes_nothing(
    teacher: Caller, exam_id: str, engine: AsyncEngine
) -> None:
    await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})
    students = [{**EVE, "username": "new"}, {"username": "teacher", "name": "T"}]
    answer = await teacher.post(f"/exams/{exam_id}/roster", {"students": students})
    assert answer.status_code == 400
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
    attempt_id = (await ada.start(exam_id)).json()["attempt_id"]
    path = f"/exams/{exam_id}/roster/{row['student_id']}"
    assert (await teacher.delete(path)).status_code == 204
    assert (await users.anonymous.post("/auth/code", {"code": row["code"]})).status_code == 401
    answers = [
        await ada.get("/student/exams"),
        await ada.get(f"/student/exams/{attempt_id}"),
        await ada.post(f"/student/exams/{attempt_id}/submit"),
        await users.anonymous.post("/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert (await teacher.delete(path)).status_code == 404
    (again,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    returned = await users.sign_in_by_code(again["code"])
    assert (await returned.start(exam_id)).json()["attempt_id"] == attempt_id
    async with engine.connect() as conn:
        rows = [delta for delta in await feed.read_after(conn, UUID(exam_id), 0) if delta.kind == "student"]
    assert [msgspec.json.decode(delta.body)["on_roster"] for delta in rows] == [True, False, True]


async def test_a_removed_student_with_a_password_can_neither_read_nor_submit_a_running_attempt(
    users: Users, teacher: Caller, exam_id: str
) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    (row,) = (await teacher.post(f"/exams/{exam_id}/roster", {"students": [ADA]})).json()
    attempt_id = (await ada.start(exam_id)).json()["attempt_id"]
    await teacher.delete(f"/exams/{exam_id}/roster/{row['student_id']}")
    path = f"/student/exams/{attempt_id}"
    answers = [await ada.get(path), await ada.get(f"{path}/answers"), await ada.post(f"{path}/submit")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


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


async def test_all_rows_that_cannot_be_added_are_listed(teacher: Caller, exam_id: str, engine: AsyncEngine) -> None:
    path = f"/exams/{exam_id}/roster"
    await teacher.post(path, {"students": [ADA | {"enrollment_id": "17"}]})
    body = "username,name,email,enrollment_id\nnew,New,,\nteacher,T,,\nmax,Max,,17\nada,Ada,,\n"
    answer = await teacher.post_csv(path, body)
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == ["row 3, username", "row 4, enrollment_id"]
    async with engine.connect() as conn:
        assert (await conn.execute(select(User).where(User.username.in_(["new", "max"])))).all() == []


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
