import asyncio
import logging
from collections.abc import Callable
from typing import Any

import bcrypt
import httpx
import jwt
import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from sqlalchemy import QueuePool, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, AuditSource, User, UserSession, WsTicket
from hub.auth.fair_queue import Lane, Shares
from hub.auth.limits import Allowance, FailureLimits
from hub.auth.passwords import Passwords
from hub.rest.auth import REGISTRATIONS_PER_HOUR
from hub.settings import HubSettings
from protocol.roles import Origin, Role
from tests.hub.conftest import PASSWORD, Caller, Users

ADA = {"username": "Ada", "password": PASSWORD, "name": "Ada Example", "email": "Ada@School.example"}


async def test_registering_signs_a_student_in(users: Users, engine: AsyncEngine) -> None:
    answer = await users.anonymous.post("/auth/register", ADA)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["user"] | {"id": None} == {"id": None, "username": "ada", "name": "Ada Example", "role": "student"}
    assert body["exam_id"] is None
    assert await _actions(engine) == ["register", "login"]


async def test_a_username_in_use_is_a_conflict_and_an_address_is_not(users: Users) -> None:
    await users.anonymous.post("/auth/register", ADA)
    answer = await users.anonymous.post("/auth/register", ADA | {"username": "ADA", "email": None})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await users.anonymous.post("/auth/register", ADA | {"username": "ada2"})).status_code == 201


async def test_one_address_can_make_a_limited_number_of_accounts_in_an_hour(users: Users, engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        rows = [
            {"username": f"u{n}", "full_name": "U", "role": Role.STUDENT, "origin": Origin.SELF, "last_login_ip": ip}
            for n, ip in enumerate(["127.0.0.1"] * (REGISTRATIONS_PER_HOUR - 1) + ["203.0.113.7"] * 3)
        ]
        await conn.execute(insert(User), rows)
    assert (await users.anonymous.post("/auth/register", ADA)).status_code == 201
    answer = await users.anonymous.post("/auth/register", ADA | {"username": "ada2"})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_accounts")
    assert answer.headers["retry-after"] == "3600"


class TestClosedRegistration:
    @pytest.fixture
    def settings(self, settings: HubSettings) -> HubSettings:
        return msgspec.structs.replace(settings, registration="closed")

    async def test_registration_is_closed(self, users: Users) -> None:
        answer = await users.anonymous.post("/auth/register", ADA)
        assert answer.status_code == 403


# Cases of one test share its hub: a database and a server for each would take minutes.
BAD_FIELDS: list[tuple[dict[str, object], str]] = [
    ({"username": ""}, "$.username"),
    ({"username": "a b"}, "$.username"),
    ({"username": "ada\n"}, "$.username"),
    ({"username": "x" * 65}, "$.username"),
    ({"username": 7.5}, "$.username"),
    ({"password": "short"}, "$.password"),
    ({"password": "ä" * 40}, "$.password"),
    ({"password": "password1"}, "$.password"),
    ({"password": "my name is ADA"}, "$.password"),
    ({"name": "a\0b"}, "$.name"),
    ({"name": "Ada\nB"}, "$.name"),
    ({"name": None}, "$.name"),
    ({"email": "nowhere"}, "$.email"),
]


async def test_an_invalid_field_is_rejected_by_its_path(users: Users) -> None:
    for change, path in BAD_FIELDS:
        answer = await users.anonymous.post("/auth/register", ADA | change)
        assert answer.status_code == 400, change
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] == "invalid"
        assert [fault["path"] for fault in problem["errors"]] == [path], change
        assert "short" not in answer.text


async def test_the_query_string_is_not_repeated(users: Users) -> None:
    answer = await users.anonymous.post("/auth/login?token=secret", {"username": "ada"})
    assert answer.status_code == 400
    assert "secret" not in answer.text


async def test_a_body_of_another_form_is_rejected(users: Users) -> None:
    numbers, surrogate, deep = b'{"username": 1e400}', b'{"username": "\\ud800"}', b"[" * 10_000
    for body in (b"", b"{", b"[]", b"null", b"\xff", numbers, surrogate, deep):
        answer = await users.anonymous.http.post(
            "/auth/login", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400, body[:20]
        assert answer.json()["status"] == 400
        assert answer.json()["type"].startswith("urn:veritas:problem:")


async def test_signing_in_is_recorded(users: Users, engine: AsyncEngine) -> None:
    ada = await users.make(Role.TEACHER, "ada")
    assert ada.tokens["user"]["role"] == "teacher"
    async with engine.connect() as conn:
        row = (await conn.execute(select(User.last_login, User.last_login_ip))).one()
        audit = (await conn.execute(select(AuditLog))).one()
        source = (await conn.execute(select(AuditSource))).one()
    assert row.last_login is not None
    assert row.last_login_ip == "127.0.0.1"
    assert audit.action == "login"
    assert (audit.id, "127.0.0.1") == (source.audit_id, source.address)
    assert source.user_agent.startswith("python-httpx")
    assert audit.details == {"by": "password"}


async def test_usernames_ignore_case(users: Users) -> None:
    await users.make(Role.STUDENT, "Ada")
    await users.sign_in("aDA")


async def test_a_wrong_password_and_an_unknown_name_have_the_same_answer(users: Users, engine: AsyncEngine) -> None:
    await users.make(Role.STUDENT, "ada")
    async with engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO users (id, username, full_name, role, is_active, password_hash) "
                "SELECT gen_random_uuid(), 'gone', 'Gone', 'student', false, password_hash FROM users"
            )
        )
        await conn.execute(
            text(
                "INSERT INTO users (id, username, full_name, role) "
                "VALUES (gen_random_uuid(), 'bare', 'Bare', 'student')"
            )
        )
    answers = [
        await users.anonymous.post("/auth/login", {"username": "ada", "password": "wrong password"}),
        *[
            await users.anonymous.post("/auth/login", {"username": name, "password": PASSWORD})
            for name in ("unknown", "gone", "bare")
        ],
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == "Bearer"


async def test_an_unknown_name_takes_the_same_work_as_a_known_one(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bytes] = []
    check = bcrypt.checkpw

    def record(secret: bytes, stored: bytes) -> bool:
        checked.append(stored)
        return check(secret, stored)

    monkeypatch.setattr(bcrypt, "checkpw", record)
    await users.anonymous.post("/auth/login", {"username": "unknown", "password": PASSWORD})
    assert [stored[:7] for stored in checked] == [b"$2b$04$"]


class TestFewFailures:
    @pytest.fixture
    def limits(self) -> FailureLimits:
        return FailureLimits(Allowance(per_name=2, per_address=4))

    async def test_failures_are_limited_and_successes_are_not(self, users: Users) -> None:
        await users.make(Role.STUDENT, "ada")
        for _ in range(8):
            await users.sign_in("ada")
        assert [await self._fail(users, "ada") for _ in range(3)] == [401, 401, 429]
        answer = await users.anonymous.post("/auth/login", {"username": "ada", "password": PASSWORD})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert answer.json()["code"] == "too_many_failures"

    async def test_others_behind_the_same_address_can_sign_in(self, users: Users) -> None:
        await users.make(Role.STUDENT, "eve")
        assert [await self._fail(users, "ada") for _ in range(3)] == [401, 401, 429]
        await users.sign_in("eve")

    async def test_an_address_cannot_try_many_names(self, users: Users) -> None:
        assert [await self._fail(users, f"name{number}") for number in range(5)] == [401, 401, 401, 401, 429]

    async def test_simultaneous_sign_ins_count_at_once(self, users: Users) -> None:
        answers = await asyncio.gather(*(self._fail(users, "ada") for _ in range(20)))
        assert answers.count(401) == 2
        assert set(answers) <= {401, 429, 503}

    async def test_guessed_codes_and_refresh_tokens_count_too(self, users: Users) -> None:
        for path, body in (("/auth/code", {"code": "x"}), ("/auth/refresh", {"refresh_token": "x"})) * 2:
            assert (await users.anonymous.post(path, body)).status_code == 401
        assert (await users.anonymous.post("/auth/code", {"code": "x"})).status_code == 429

    async def test_a_right_token_is_accepted_from_an_address_that_guesses(self, users: Users) -> None:
        ada = await users.make(Role.STUDENT, "ada")
        answers = [await users.anonymous.post("/auth/refresh", {"refresh_token": "x"}) for _ in range(6)]
        assert answers[-1].status_code == 429
        await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(ada))

    async def test_a_known_device_signs_in_while_strangers_are_limited(self, users: Users) -> None:
        await users.make(Role.STUDENT, "ada")
        right = {"username": "ada", "password": PASSWORD}
        first = await Caller(users.anonymous.http).sign_in("/auth/login", right | {"remember_device": True})
        device = {"device_token": first.tokens["device_token"]}
        assert [await self._fail(users, "ada") for _ in range(3)] == [401, 401, 429]
        assert (await users.anonymous.post("/auth/login", right)).status_code == 429
        await Caller(users.anonymous.http).sign_in("/auth/login", right | device)
        # The secret of another user's device is worth nothing.
        assert (await users.anonymous.post("/auth/login", right | {"device_token": "x" * 43})).status_code == 429

    async def _fail(self, users: Users, name: str) -> int:
        answer = await users.anonymous.post("/auth/login", {"username": name, "password": "wrong password"})
        return answer.status_code


class TestFullQueue:
    @pytest.fixture
    def passwords(self) -> Passwords:
        return Passwords(4, Shares(strangers=0))

    async def test_a_full_bcrypt_queue_is_answered_with_a_time_to_retry(self, http: httpx.AsyncClient) -> None:
        for path in ("/auth/login", "/auth/register"):
            answer = await http.post(path, json=ADA)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == "busy"


class TestOneConnection:
    @pytest.fixture
    def settings(self, settings: HubSettings) -> HubSettings:
        return msgspec.structs.replace(settings, pool_size=1)

    @pytest.fixture
    def pooled(self, app: Litestar) -> AsyncEngine:
        """The hub's own engine."""
        provide = app.dependencies["engine"]
        assert isinstance(provide, Provide)
        engine = provide.dependency()
        assert isinstance(engine, AsyncEngine)
        return engine

    async def test_a_full_pool_is_answered_with_a_time_to_retry(self, users: Users, pooled: AsyncEngine) -> None:
        async with pooled.connect():
            assert isinstance(pooled.pool, QueuePool)
            pooled.pool._timeout = 0.05
            answer = await users.anonymous.post("/auth/refresh", {"refresh_token": "x"})
            pooled.pool._timeout = 5
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0

    async def test_no_connection_is_held_while_bcrypt_runs(
        self, users: Users, pooled: AsyncEngine, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await users.make(Role.STUDENT, "ada")
        run, free = passwords.run, []

        async def connect_and_run(lane: Lane, work: Callable[[], object]) -> object:
            async with pooled.connect():
                free.append(True)
            return await run(lane, work)

        monkeypatch.setattr(passwords, "run", connect_and_run)
        await users.sign_in("ada")
        await users.anonymous.post("/auth/register", ADA | {"username": "eve"})
        assert free == [True, True]


async def test_a_refresh_token_can_be_used_once_and_keeps_the_session(users: Users, settings: HubSettings) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    renewed = await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(ada))
    assert renewed.tokens["refresh_token"] != ada.tokens["refresh_token"]
    assert renewed.tokens["user"] == ada.tokens["user"]
    assert _claims(renewed)["sid"] == _claims(ada)["sid"]
    assert (await renewed.get("/student/exams")).status_code == 200


async def test_a_lost_answer_is_repeated_once_more(users: Users) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    lost = await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(ada))
    repeated = await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(ada))
    assert repeated.tokens["refresh_token"] != lost.tokens["refresh_token"]
    await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(repeated))


async def test_a_used_token_whose_successor_was_used_ends_the_session(users: Users, engine: AsyncEngine) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    second = await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(ada))
    third = await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(second))
    assert (await users.anonymous.post("/auth/refresh", _refresh(ada))).status_code == 401
    assert (await users.anonymous.post("/auth/refresh", _refresh(third))).status_code == 401
    assert (await third.get("/student/exams")).status_code == 401
    assert "refresh_reused" in await _actions(engine)


async def test_a_used_token_is_not_accepted_after_its_grace_period(users: Users, engine: AsyncEngine) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    await Caller(users.anonymous.http).sign_in("/auth/refresh", _refresh(ada))
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE refresh_tokens SET replaced_at = replaced_at - interval '61 s'"))
    assert (await users.anonymous.post("/auth/refresh", _refresh(ada))).status_code == 401


async def test_tabs_can_refresh_at_the_same_time(users: Users) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    answers = await asyncio.gather(*(users.anonymous.post("/auth/refresh", _refresh(ada)) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_the_refresh_token_of_an_expired_session_is_rejected(users: Users, engine: AsyncEngine) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    async with engine.begin() as conn:
        await conn.execute(update(UserSession).values(ends_at=text("now()")))
    assert (await users.anonymous.post("/auth/refresh", _refresh(ada))).status_code == 401


async def test_signing_out_ends_tokens_and_tickets_of_that_session_only(users: Users, engine: AsyncEngine) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    elsewhere = await users.sign_in("ada")
    await ada.post("/auth/ws-ticket", {"purpose": "monitor"})
    answer = await ada.post("/auth/logout")
    assert answer.status_code == 204
    assert answer.content == b""
    assert (await ada.get("/student/exams")).status_code == 401
    assert (await ada.post("/auth/refresh", _refresh(ada))).status_code == 401
    assert (await elsewhere.get("/student/exams")).status_code == 200
    async with engine.connect() as conn:
        assert (await conn.execute(select(WsTicket))).all() == []
    assert (await _actions(engine))[-1] == "logout"


async def test_a_deactivated_account_loses_access_at_once(users: Users, engine: AsyncEngine) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    async with engine.begin() as conn:
        await conn.execute(update(User).values(is_active=False))
    assert (await ada.get("/student/exams")).status_code == 401
    assert (await users.anonymous.post("/auth/refresh", _refresh(ada))).status_code == 401


async def test_a_missing_or_wrong_token_is_unauthenticated(users: Users, settings: HubSettings) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    forged = jwt.encode(_claims(ada), "another secret, also of thirty-two bytes", algorithm="HS256")
    for header in ("", "Bearer", "Bearer x", f"Basic {ada.tokens['access_token']}", f"Bearer {forged}"):
        answer = await users.anonymous.http.get("/student/exams", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthenticated"


async def test_an_expired_access_token_is_answered_as_expired(users: Users, settings: HubSettings) -> None:
    ada = await users.make(Role.STUDENT, "ada")
    old = jwt.encode(_claims(ada) | {"exp": 1_000_000}, settings.jwt_secret, algorithm="HS256")
    answer = await users.anonymous.http.get("/student/exams", headers={"Authorization": f"Bearer {old}"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "expired"


async def test_tickets_are_only_for_the_socket_of_the_role(users: Users) -> None:
    callers = {role: await users.make(role, role) for role in Role}
    for role, purpose, status in [
        (Role.STUDENT, "monitor", 200),
        (Role.STUDENT, "console", 403),
        (Role.TEACHER, "console", 200),
        (Role.TEACHER, "monitor", 403),
        (Role.ADMIN, "console", 200),
        (Role.TEACHER, "both", 400),
    ]:
        answer = await callers[role].post("/auth/ws-ticket", {"purpose": purpose})
        assert answer.status_code == status, (role, purpose)
        assert ("ticket" in answer.json()) is (status == 200)


async def test_secrets_are_stored_as_hashes_and_never_logged(
    users: Users, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = await users.make(Role.STUDENT, "ada")
    ticket = (await ada.post("/auth/ws-ticket", {"purpose": "monitor"})).json()["ticket"]
    await users.anonymous.post("/auth/login", {"username": "ada", "password": "wrong password"})
    await users.anonymous.post("/auth/register", ADA | {"password": 5, "username": "x"})
    async with engine.connect() as conn:
        stored = [
            str((await conn.execute(text(f"SELECT array_agg({table}::text) FROM {table}"))).scalar_one())
            for table in ("users", "refresh_tokens", "ws_tickets", "audit_logs")
        ]
    for secret in (PASSWORD, "wrong password", ticket, ada.tokens["refresh_token"], ada.tokens["access_token"]):
        assert secret not in caplog.text
        assert all(secret not in rows for rows in stored)


def _refresh(caller: Caller) -> dict[str, str]:
    return {"refresh_token": caller.tokens["refresh_token"]}


def _claims(caller: Caller) -> dict[str, Any]:
    return jwt.decode(caller.tokens["access_token"], options={"verify_signature": False})


async def _actions(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as conn:
        return list((await conn.execute(select(AuditLog.action).order_by(AuditLog.id))).scalars())
