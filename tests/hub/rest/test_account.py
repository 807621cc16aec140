from collections.abc import Mapping
from typing import Any

import msgspec
import pyotp
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import connect

from db.models import AuditLog, RecoveryCode, SecondFactor
from db.queries.accounts import credentials
from db.queries.exams import rosters
from db.queries.exams.rosters import RosterLine
from hub.auth.tickets import draw_code, hash_exam_code, hash_recovery_code
from hub.settings import HubSettings
from protocol import console
from protocol.codec import Encoding, encode
from protocol.roles import Role
from tests import factories
from tests.hub.conftest import PASSWORD, Caller, Users

NEW_PASSWORD = "battery staple 8"


@pytest.fixture
async def grace(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "grace")


async def sign_in(users: Users, **fields: object) -> Any:
    return await users.anonymous.post("/auth/login", {"username": "grace", "password": PASSWORD, **fields})


async def enroll(caller: Caller) -> tuple[pyotp.TOTP, list[str]]:
    begun = (await caller.post("/auth/totp", {"password": PASSWORD})).json()
    app = pyotp.parse_uri(begun["uri"])
    assert isinstance(app, pyotp.TOTP)
    confirmed = await caller.post("/auth/totp/confirm", {"code": app.now()})
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json()["recovery_codes"]


async def forget_last_code(engine: AsyncEngine) -> None:
    """Let the code of this half minute be valid again."""
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE second_factors SET last_counter = 0"))


async def actions(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as conn:
        return list((await conn.execute(select(AuditLog.action).order_by(AuditLog.id))).scalars())


async def is_signed_in(caller: Caller) -> bool:
    return (await caller.get("/auth/sessions")).status_code == 200


async def test_a_user_sees_where_the_account_is_signed_in(users: Users, grace: Caller) -> None:
    await users.sign_in("grace")
    listed: list[Mapping[str, Any]] = (await grace.get("/auth/sessions")).json()
    assert sorted(entry["is_current"] for entry in listed) == [False, True]
    assert all(entry["is_same_network"] and entry["agent"] == "a program" for entry in listed)
    assert all(entry["ends_at"] - entry["opened_at"] == 12 * 3_600_000 for entry in listed)


async def test_a_session_that_is_ended_elsewhere_is_over_at_once(
    users: Users, grace: Caller, engine: AsyncEngine
) -> None:
    lost = await users.sign_in("grace")
    [session] = [entry for entry in (await lost.get("/auth/sessions")).json() if entry["is_current"]]
    assert (await grace.delete(f"/auth/sessions/{session['session_id']}")).status_code == 204
    assert not await is_signed_in(lost)
    refreshed = await users.anonymous.post("/auth/refresh", {"refresh_token": lost.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert await is_signed_in(grace)
    assert "end_session" in await actions(engine)


async def test_a_user_signs_out_everywhere_else(users: Users, grace: Caller) -> None:
    others = [await users.sign_in("grace") for _ in range(2)]
    assert (await grace.post("/auth/sessions/end-others")).json() == {"ended": 2}
    assert [await is_signed_in(caller) for caller in (grace, *others)] == [True, False, False]


async def test_an_administrator_ends_all_sessions_of_a_user(users: Users, grace: Caller) -> None:
    admin = await users.make(Role.ADMIN, "root")
    assert (await admin.delete(f"/admin/users/{grace.tokens['user']['id']}/sessions")).status_code == 204
    assert not await is_signed_in(grace)
    assert await is_signed_in(admin)
    await users.sign_in("grace")


async def test_a_new_password_ends_the_other_sessions(users: Users, grace: Caller, engine: AsyncEngine) -> None:
    other = await users.sign_in("grace")
    body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await grace.post("/auth/password", body)).status_code == 204
    assert await is_signed_in(grace)
    assert not await is_signed_in(other)
    assert (await sign_in(users)).status_code == 401
    assert (await sign_in(users, password=NEW_PASSWORD)).status_code == 200
    assert "change_password" in await actions(engine)


async def test_a_wrong_old_or_a_weak_new_password_changes_nothing(users: Users, grace: Caller) -> None:
    for old, new, path in (
        ("wrong password", NEW_PASSWORD, "$.old_password"),
        (PASSWORD, "password1", "$.new_password"),
        (PASSWORD, "I am Grace Hopper", "$.new_password"),
    ):
        answer = await grace.post("/auth/password", {"old_password": old, "new_password": new})
        assert answer.status_code == 400
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]
        assert new not in answer.text
    await users.sign_in("grace")


async def test_the_old_password_cannot_be_guessed_through_an_open_session(grace: Caller) -> None:
    body = {"old_password": "wrong password", "new_password": NEW_PASSWORD}
    answers = [(await grace.post("/auth/password", body)).status_code for _ in range(12)]
    assert answers == [400] * 10 + [429] * 2


async def test_an_exam_code_does_not_open_the_account(users: Users, engine: AsyncEngine, settings: HubSettings) -> None:
    code = draw_code()
    async with engine.begin() as conn:
        exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
        student = await factories.make_user(conn)
        await rosters.enroll(conn, exam_id, [RosterLine(student)])
        await credentials.replace_codes(conn, exam_id, {student: hash_exam_code(code, settings.keys.data)})
    ada = await users.sign_in_by_code(code)
    assert (await ada.get("/auth/sessions")).status_code == 403
    body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await ada.post("/auth/password", body)).status_code == 403


async def test_a_second_factor_is_needed_after_its_first_code(users: Users, grace: Caller, engine: AsyncEngine) -> None:
    other = await users.sign_in("grace")
    app, _ = await enroll(grace)
    assert not await is_signed_in(other)
    missing = await sign_in(users)
    assert (missing.status_code, missing.json()["code"]) == (401, "totp_required")
    wrong = await sign_in(users, totp="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "totp_wrong")
    await forget_last_code(engine)
    assert (await sign_in(users, totp=app.now())).status_code == 200
    assert (await grace.get("/auth/totp")).json() == {
        "is_active": True,
        "recovery_codes_left": 10,
        "is_required": False,
    }


async def test_a_code_and_a_recovery_code_are_valid_once(users: Users, grace: Caller, engine: AsyncEngine) -> None:
    app, recovery = await enroll(grace)
    # The code that confirmed the factor is used up, too.
    assert (await sign_in(users, totp=app.now())).json()["code"] == "totp_wrong"
    assert (await sign_in(users, totp=recovery[0].lower())).status_code == 200
    assert (await sign_in(users, totp=recovery[0])).json()["code"] == "totp_wrong"
    assert (await grace.get("/auth/totp")).json()["recovery_codes_left"] == 9


async def test_a_wrong_password_is_answered_alike_with_and_without_a_second_factor(users: Users, grace: Caller) -> None:
    before = await sign_in(users, password="wrong password")
    await enroll(grace)
    after = await sign_in(users, password="wrong password", totp="000000")
    assert (before.status_code, before.text) == (after.status_code, after.text)


async def test_codes_cannot_be_guessed(users: Users, grace: Caller) -> None:
    await enroll(grace)
    answers = [(await sign_in(users, totp=f"{number:06}")).status_code for number in range(12)]
    assert answers == [401] * 10 + [429] * 2


async def test_asking_for_a_code_is_not_a_failure(users: Users, grace: Caller) -> None:
    _, recovery = await enroll(grace)
    assert {(await sign_in(users)).status_code for _ in range(12)} == {401}
    assert (await sign_in(users, totp=recovery[0])).status_code == 200


async def test_the_database_has_secrets_encrypted_and_codes_as_keyed_hashes(
    grace: Caller, engine: AsyncEngine, settings: HubSettings
) -> None:
    app, recovery = await enroll(grace)
    async with engine.connect() as conn:
        sealed = (await conn.execute(select(SecondFactor.sealed))).scalar_one()
        stored = set((await conn.execute(select(RecoveryCode.hash))).scalars())
    assert app.byte_secret() not in sealed
    assert stored == {hash_recovery_code(code, settings.keys.data) for code in recovery}


async def test_removing_needs_the_password_and_a_code(users: Users, grace: Caller) -> None:
    _, recovery = await enroll(grace)
    for password, code, path in (("wrong", recovery[0], "$.password"), (PASSWORD, "000000", "$.code")):
        answer = await grace.post("/auth/totp/remove", {"password": password, "code": code})
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert (await grace.post("/auth/totp/remove", {"password": PASSWORD, "code": recovery[0]})).status_code == 204
    await users.sign_in("grace")


async def test_another_administrator_resets_a_lost_second_factor(
    users: Users, grace: Caller, engine: AsyncEngine
) -> None:
    await enroll(grace)
    admin = await users.make(Role.ADMIN, "root")
    assert (await admin.delete(f"/admin/users/{grace.tokens['user']['id']}/totp")).status_code == 204
    assert (await admin.delete(f"/admin/users/{grace.tokens['user']['id']}/totp")).status_code == 409
    assert (await admin.delete(f"/admin/users/{admin.tokens['user']['id']}/totp")).status_code == 403
    assert not await is_signed_in(grace)
    await users.sign_in("grace")
    assert {"begin_totp", "confirm_totp", "reset_totp"} <= set(await actions(engine))


class TestRequired:
    @pytest.fixture
    def settings(self, settings: HubSettings) -> HubSettings:
        return msgspec.structs.replace(settings, admin_totp="required")

    async def test_an_administrator_can_only_set_up_the_second_factor(self, users: Users, url: str) -> None:
        admin = await users.make(Role.ADMIN, "root")
        assert admin.tokens["needs_second_factor"] is True
        for path in ("/admin/users", "/exams", "/admin/audit"):
            answer = await admin.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "totp_setup_required"), path
        assert (await admin.post("/auth/ws-ticket", {"purpose": "console"})).status_code == 403
        async with connect(url.replace("http", "ws", 1) + "/ws/console") as socket:
            await socket.send(encode(console.Hello(token=admin.tokens["access_token"]), Encoding.JSON))
            await socket.wait_closed()
            assert socket.close_code == 4403
        assert (await admin.get("/auth/totp")).json()["is_required"] is True
        await enroll(admin)
        assert (await admin.get("/admin/users")).status_code == 200

    async def test_a_teacher_needs_none(self, grace: Caller) -> None:
        assert grace.tokens["needs_second_factor"] is False
        assert (await grace.get("/exams")).status_code == 200


class TestIdle:
    async def test_the_session_of_an_idle_administrator_ends(self, users: Users, engine: AsyncEngine) -> None:
        admin = await users.make(Role.ADMIN, "root")
        idle = {"refresh_token": admin.tokens["refresh_token"], "is_idle": True}
        async with engine.begin() as conn:
            await conn.execute(text("UPDATE sessions SET last_used_at = now() - interval '29 minutes'"))
        await Caller(users.anonymous.http).sign_in("/auth/refresh", idle)
        assert await is_signed_in(admin)
        async with engine.begin() as conn:
            await conn.execute(text("UPDATE sessions SET last_used_at = last_used_at - interval '2 minutes'"))
        assert not await is_signed_in(admin)
