"""What users do with their own account. An exam code does not open it (tests/hub/rest/test_account.py)."""

from uuid import UUID

import pyotp

from db.queries.accounts import second_factors
from protocol.roles import Role
from tests.hub.conftest import PASSWORD
from tests.hub.rest.access.auth import SIGNED_IN
from tests.hub.rest.access.rows import ADMIN, CREATOR, STUDENTS, Call, Row, filled, for_roles
from tests.hub.rest.access.setup import AccessSetup

STAFF = [caller for caller in SIGNED_IN if caller not in STUDENTS]
REFUSED_STUDENTS = dict.fromkeys(STUDENTS, 409)
"""Students have no second factor, so there is nothing to confirm or to remove."""


async def ending_another(setup: AccessSetup, caller: str) -> Call:
    return Call({"session_id": await _another_session(setup, caller) if caller in SIGNED_IN else UUID(int=0)})


async def ending_one_of_the_creator(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"session_id": await _another_session(setup, CREATOR)})


async def confirming(setup: AccessSetup, caller: str) -> Call:
    return Call(body={"code": await _begin(setup, caller) if caller in STAFF else "000000"})


async def removing(setup: AccessSetup, caller: str) -> Call:
    code = "000000"
    if caller in STAFF:
        confirmed = await setup.callers[caller].post("/auth/totp/confirm", {"code": await _begin(setup, caller)})
        code = confirmed.json()["recovery_codes"][0]
    return Call(body={"password": PASSWORD, "code": code})


async def resetting(setup: AccessSetup, caller: str) -> Call:
    del caller
    user_id = (await setup.account(Role.TEACHER))[0]
    async with setup.engine.begin() as conn:
        await second_factors.start_enrollment(conn, user_id, b"sealed")
        await second_factors.confirm(conn, user_id, 1, [user_id.bytes])
    return Call({"user_id": user_id})


async def ending_all(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"user_id": (await setup.account(Role.STUDENT))[0]})


async def _another_session(setup: AccessSetup, caller: str) -> str:
    await setup.new_session(caller)
    listed = (await setup.callers[caller].get("/auth/sessions")).json()
    return str(next(entry["session_id"] for entry in listed if not entry["is_current"]))


async def _begin(setup: AccessSetup, caller: str) -> str:
    """Begin to set up a second factor; return its current code."""
    async with setup.engine.begin() as conn:
        await second_factors.remove(conn, setup.user_id(caller))
    begun = await setup.callers[caller].post("/auth/totp", {"password": PASSWORD})
    return pyotp.TOTP(begun.json()["secret"]).now()


ROWS = [
    Row("GET /auth/sessions", for_roles(*SIGNED_IN)),
    Row("DELETE /auth/sessions/{session_id:uuid}", for_roles(*SIGNED_IN, ok=204), ending_another),
    Row(
        "DELETE /auth/sessions/{session_id:uuid}",
        for_roles(*SIGNED_IN, ok=404) | {CREATOR: 204},
        ending_one_of_the_creator,
    ),
    Row("POST /auth/sessions/end-others", for_roles(*SIGNED_IN)),
    Row("GET /auth/totp", for_roles(*SIGNED_IN)),
    Row("POST /auth/totp", for_roles(*STAFF), filled({"password": PASSWORD})),
    Row("POST /auth/totp/confirm", for_roles(*STAFF) | REFUSED_STUDENTS, confirming),
    Row("POST /auth/totp/remove", for_roles(*STAFF, ok=204) | REFUSED_STUDENTS, removing),
    Row(
        "POST /auth/password",
        for_roles(*SIGNED_IN, ok=204),
        filled({"old_password": PASSWORD, "new_password": PASSWORD}),
    ),
    Row("DELETE /admin/users/{user_id:uuid}/sessions", for_roles(ADMIN, ok=204), ending_all),
    Row("DELETE /admin/users/{user_id:uuid}/totp", for_roles(ADMIN, ok=204), resetting),
]
