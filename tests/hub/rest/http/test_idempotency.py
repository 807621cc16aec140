"""Writes that are repeated with their `Idempotency-Key`, and the reason of each write that takes none."""

import asyncio
import inspect
from collections.abc import Awaitable
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, CandidateCode, Exam, IdempotencyKey, ServiceKey
from protocol.roles import Role
from tests.hub.conftest import Caller, Users

NEW_EXAM = {"title": "Physics", "duration_minutes": 90}
NEW_KEY = {"name": "checker", "scopes": ["analysis"]}
STUDENTS = {"students": [{"username": "ada", "name": "Ada"}, {"username": "bob", "name": "Bob"}]}

NATURAL = {
    "POST /auth/register": "a username is unique",
    "POST /auth/login": "opens one more session, which ends by itself",
    "POST /auth/code": "opens one more session, which ends by itself",
    "POST /auth/refresh": "the previous token is accepted for a while after a lost response",
    "POST /auth/logout": "sets a state",
    "POST /auth/ws-ticket": "one more ticket, which ends after 30 s",
    "POST /auth/sessions/end-others": "sets a state",
    "POST /auth/password": "sets a state, and needs the old one",
    "POST /auth/totp": "replaces the secret that is not confirmed",
    "POST /auth/totp/confirm": "a code is accepted once; the codes are drawn again by setting up again",
    "POST /auth/totp/remove": "sets a state",
    "POST /exams/{exam_id:uuid}/publish": "sets a state",
    "POST /exams/{exam_id:uuid}/unpublish": "sets a state",
    "POST /exams/{exam_id:uuid}/release": "sets a state",
    "POST /exams/{exam_id:uuid}/roster/preview": "changes nothing",
    "PUT /exams/{exam_id:uuid}/permissions/{username:str}": "sets a state",
    "POST /student/exams/{exam_id:uuid}/start": "continues the attempt that runs",
    "POST /student/exams/{attempt_id:uuid}/submit": "an attempt ends once, with one receipt",
    "POST /monitor/streams": "a boot has one stream",
    "POST /monitor/events": "events have numbers",
    "POST /teacher/flags/{flag_id:uuid}/review": "has an id",
    "POST /teacher/attempts/{attempt_id:uuid}/waiver": "has an id",
    "POST /teacher/attempts/{attempt_id:uuid}/grade": "sets points that carry what the grader saw",
    "POST /analysis/behavior": "has an id",
    "POST /admin/users/{user_id:uuid}/erase": "repeating it finishes what was interrupted",
    "PATCH /admin/users/{user_id:uuid}": "sets a state",
}
"""Why repeating each of these writes creates nothing new."""


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "grace")


@pytest.fixture
async def admin(users: Users) -> Caller:
    return await users.make(Role.ADMIN, "root")


async def count(engine: AsyncEngine, table: type) -> int:
    async with engine.connect() as conn:
        return int((await conn.execute(select(func.count()).select_from(table))).scalar_one())


def once(caller: Caller, path: str, body: object, key: str) -> Awaitable[httpx.Response]:
    return caller.post(path, body, **{"Idempotency-Key": key})


def test_every_write_takes_a_key_or_has_a_reason_for_none(app: Litestar) -> None:
    keyed: set[str] = set()
    others: set[str] = set()
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods & {"POST", "PUT", "PATCH"}:
                    takes_key = "once" in inspect.signature(handler.fn).parameters
                    (keyed if takes_key else others).add(f"{method} {route.path}")
    assert others == set(NATURAL)
    assert keyed == {
        *("POST /exams", "PATCH /exams/{exam_id:uuid}", "PUT /exams/{exam_id:uuid}/items"),
        *("PUT /exams/{exam_id:uuid}/policy", "POST /exams/{exam_id:uuid}/roster"),
        *("POST /exams/{exam_id:uuid}/roster/codes", "POST /admin/users", "POST /admin/holds"),
        "POST /admin/service-keys",
    }


async def test_a_repeated_write_is_answered_again_and_not_carried_out_again(
    teacher: Caller, engine: AsyncEngine
) -> None:
    first, second = [await once(teacher, "/exams", NEW_EXAM, "one") for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert await count(engine, Exam) == 1
    async with engine.connect() as conn:
        made = select(func.count()).where(AuditLog.action == "create_exam")
        assert (await conn.execute(made)).scalar_one() == 1


async def test_without_a_key_each_write_is_carried_out_and_nothing_is_stored(
    teacher: Caller, engine: AsyncEngine
) -> None:
    for _ in range(2):
        await teacher.post("/exams", NEW_EXAM)
    assert await count(engine, Exam) == 2
    assert await count(engine, IdempotencyKey) == 0


async def test_a_key_with_another_body_is_refused(teacher: Caller, engine: AsyncEngine) -> None:
    await once(teacher, "/exams", NEW_EXAM, "one")
    refused = await once(teacher, "/exams", NEW_EXAM | {"title": "Chemistry"}, "one")
    assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert await count(engine, Exam) == 1


async def test_a_key_belongs_to_one_user(users: Users, teacher: Caller, engine: AsyncEngine) -> None:
    other = await users.make(Role.TEACHER, "hedy")
    mine = (await once(teacher, "/exams", NEW_EXAM, "one")).json()
    theirs = await once(other, "/exams", NEW_EXAM | {"title": "Chemistry"}, "one")
    assert theirs.status_code == 201
    assert theirs.json()["exam_id"] != mine["exam_id"]
    assert await count(engine, Exam) == 2


async def test_a_key_belongs_to_one_route(teacher: Caller) -> None:
    exams = [(await teacher.post("/exams", NEW_EXAM)).json()["exam_id"] for _ in range(2)]
    for exam_id in exams:
        added = await once(teacher, f"/exams/{exam_id}/roster", STUDENTS, "one")
        assert added.status_code == 200, added.text
        assert "idempotent-replayed" not in added.headers


async def test_of_equal_writes_at_once_one_is_carried_out(teacher: Caller, engine: AsyncEngine) -> None:
    answers = await asyncio.gather(*(once(teacher, "/exams", NEW_EXAM, "one") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotent-replayed", "") for answer in answers) == ["", *["true"] * 4]
    assert await count(engine, Exam) == 1


async def test_a_write_that_failed_is_carried_out_by_its_repetition(teacher: Caller, engine: AsyncEngine) -> None:
    exam_id = (await teacher.post("/exams", NEW_EXAM)).json()["exam_id"]
    path = f"/exams/{exam_id}/roster"
    async with engine.begin() as conn:
        await conn.execute(text("SELECT id FROM exams WHERE id = :id FOR UPDATE"), {"id": UUID(exam_id)})
        busy = await once(teacher, path, STUDENTS, "one")
    assert busy.status_code == 503
    assert await count(engine, IdempotencyKey) == 0
    repeated = await once(teacher, path, STUDENTS, "one")
    assert "idempotent-replayed" not in repeated.headers
    assert [one["code"] is not None for one in repeated.json()] == [True, True]


async def test_a_refused_write_stores_nothing_so_its_key_may_be_used_again(
    teacher: Caller, engine: AsyncEngine
) -> None:
    wrong = NEW_EXAM | {"opens_at": 2_000, "closes_at": 1_000}
    assert (await once(teacher, "/exams", wrong, "one")).status_code == 400
    assert await count(engine, IdempotencyKey) == 0
    assert (await once(teacher, "/exams", NEW_EXAM, "one")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 65, "two words"])
async def test_a_key_that_is_empty_too_long_or_not_printable_is_refused(
    teacher: Caller, engine: AsyncEngine, key: str
) -> None:
    refused = await once(teacher, "/exams", NEW_EXAM, key)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert await count(engine, Exam) == 0


@pytest.mark.parametrize("keys", [("one", "two"), ("one", "one")])
async def test_a_request_with_two_keys_is_refused(teacher: Caller, engine: AsyncEngine, keys: tuple[str, str]) -> None:
    headers = [("Authorization", f"Bearer {teacher.tokens['access_token']}")]
    headers += [("Idempotency-Key", key) for key in keys]
    refused = await teacher.http.post("/exams", json=NEW_EXAM, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert refused.json()["errors"] == [{"path": "header.idempotency_key", "message": "send one key in one header"}]
    assert await count(engine, Exam) == 0


async def test_a_key_of_64_characters_is_accepted(teacher: Caller) -> None:
    assert (await once(teacher, "/exams", NEW_EXAM, "~" * 64)).status_code == 201


async def test_a_service_key_is_not_shown_again_and_not_stored(admin: Caller, engine: AsyncEngine) -> None:
    first = (await once(admin, "/admin/service-keys", NEW_KEY, "one")).json()
    second = await once(admin, "/admin/service-keys", NEW_KEY, "one")
    assert second.json() == first | {"key": None}
    assert second.headers["cache-control"] == "no-store"
    assert await count(engine, ServiceKey) == 1
    assert first["key"] not in await stored_text(engine)


async def test_codes_are_not_shown_again_not_stored_and_not_replaced(teacher: Caller, engine: AsyncEngine) -> None:
    exam_id = (await teacher.post("/exams", NEW_EXAM | {"is_published": True})).json()["exam_id"]
    await teacher.post(f"/exams/{exam_id}/roster", STUDENTS)
    path = f"/exams/{exam_id}/roster/codes"
    first = (await once(teacher, path, None, "one")).json()
    second = (await once(teacher, path, None, "one")).json()
    assert second == [one | {"code": None} for one in first]
    for one in first:
        assert one["code"] not in await stored_text(engine)
        assert (await teacher.http.post("/auth/code", json={"code": one["code"]})).status_code == 200
    assert await count(engine, CandidateCode) == 4


async def stored_text(engine: AsyncEngine) -> str:
    async with engine.connect() as conn:
        return str((await conn.execute(text("SELECT array_agg(kept::text) FROM idempotency_keys AS kept"))).scalar())


async def test_the_key_and_a_password_in_the_body_are_stored_as_keyed_hashes(
    admin: Caller, engine: AsyncEngine
) -> None:
    account = {"username": "hedy", "name": "Hedy", "role": "teacher", "password": "correct horse 9"}
    key = "a-key-to-find"
    first, second = [await once(admin, "/admin/users", account, key) for _ in range(2)]
    assert (second.status_code, second.json()) == (201, first.json())
    stored = await stored_text(engine)
    assert first.json()["user_id"] in stored
    assert key not in stored
    assert "correct horse" not in stored


async def test_a_changing_client_can_tell_its_own_success_from_a_change_of_another(teacher: Caller) -> None:
    exam = (await teacher.post("/exams", NEW_EXAM)).json()
    path = f"/exams/{exam['exam_id']}"
    edit = {"title": "Optics", "version": exam["version"]}
    assert (await teacher.patch(path, edit)).status_code == 200
    assert (await teacher.patch(path, edit)).status_code == 409
    edit = {"title": "Waves", "version": exam["version"] + 1}
    headers = {"Authorization": f"Bearer {teacher.tokens['access_token']}", "Idempotency-Key": str(uuid4())}
    first, second = [await teacher.http.patch(path, json=edit, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("PATCH", "", {"title": "Optics", "version": 1}),
        ("PUT", "/items", {"items": []}),
        ("PUT", "/policy", {"policy": {}}),
        ("POST", "/roster", STUDENTS),
        ("POST", "/roster/codes", None),
    ],
)
@pytest.mark.parametrize(("left", "status"), [({"can_view": True}, 403), (None, 404)])
async def test_a_stored_answer_is_given_only_while_its_sender_may_edit_the_exam(
    users: Users, teacher: Caller, method: str, route: str, body: object, left: object, status: int
) -> None:
    hedy = await users.make(Role.TEACHER, "hedy")
    path = f"/exams/{(await teacher.post('/exams', NEW_EXAM)).json()['exam_id']}"
    permitted = f"{path}/permissions/hedy"
    assert (await teacher.put(permitted, {"can_edit": True})).status_code == 200
    headers = {"Authorization": f"Bearer {hedy.tokens['access_token']}", "Idempotency-Key": "one"}
    first, second = [await hedy.http.request(method, path + route, json=body, headers=headers) for _ in range(2)]
    assert first.status_code == 200, first.text
    assert second.headers["idempotent-replayed"] == "true"
    await (teacher.delete(permitted) if left is None else teacher.put(permitted, left))
    refused = await hedy.http.request(method, path + route, json=body, headers=headers)
    assert refused.status_code == status, refused.text
    assert "idempotent-replayed" not in refused.headers


async def test_a_teacher_who_may_not_create_exams_any_more_gets_no_stored_answer(
    admin: Caller, teacher: Caller, engine: AsyncEngine
) -> None:
    assert (await once(teacher, "/exams", NEW_EXAM, "one")).status_code == 201
    async with engine.connect() as conn:
        user_id = (await conn.execute(select(Exam.creator_id))).scalar_one()
    withdrawn = await admin.patch(f"/admin/users/{user_id}", {"can_create_exams": False})
    assert withdrawn.status_code == 200, withdrawn.text
    assert (await once(teacher, "/exams", NEW_EXAM, "one")).status_code == 403


async def test_a_repeated_write_is_in_the_audit_log(teacher: Caller, engine: AsyncEngine) -> None:
    for _ in range(2):
        made = (await once(teacher, "/exams", NEW_EXAM, "one")).json()
    async with engine.connect() as conn:
        found = await conn.execute(
            select(AuditLog.action, AuditLog.resource, AuditLog.resource_id).where(AuditLog.action == "repeat")
        )
    assert [tuple(row) for row in found] == [("repeat", "request", "POST /exams")], made


async def test_an_erased_person_is_in_no_stored_response(admin: Caller, engine: AsyncEngine) -> None:
    account = {"username": "hedy", "name": "Hedy", "role": "student"}
    made = (await once(admin, "/admin/users", account, "one")).json()
    erased = await admin.post(f"/admin/users/{made['user_id']}/erase", {"reason": "mistake"})
    assert erased.status_code == 200, erased.text
    assert await count(engine, IdempotencyKey) == 0
