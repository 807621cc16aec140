"""Signing in is open to all callers. A ticket is only for the socket of the caller's role."""

from tests.hub.conftest import PASSWORD
from tests.hub.rest.access.rows import ANONYMOUS, CALLERS, SERVICE, STUDENTS, Call, Row, filled, for_all, for_roles
from tests.hub.rest.access.setup import AccessSetup

CREATOR_LOGIN = {"username": "the-creator", "password": PASSWORD}
SIGNED_IN = [caller for caller in CALLERS if caller not in (ANONYMOUS, SERVICE)]


async def registering(setup: AccessSetup, caller: str) -> Call:
    del setup
    return Call(body={"username": f"new-{CALLERS.index(caller)}", "password": PASSWORD, "name": "New"})


async def refreshing(setup: AccessSetup, caller: str) -> Call:
    del caller
    fresh = await setup.new_session("the creator")
    return Call(body={"refresh_token": fresh.tokens["refresh_token"]})


ROWS = [
    Row("POST /auth/register", for_all(201), registering),
    Row("POST /auth/login", for_all(), filled(CREATOR_LOGIN)),
    Row("POST /auth/code", for_all(401), filled({"code": "7K2M-9QXA-04RT-B6WE"})),
    Row("POST /auth/refresh", for_all(), refreshing, audited=False),
    Row("POST /auth/logout", for_roles(*SIGNED_IN, ok=204), in_new_session=True),
    Row("POST /auth/ws-ticket", for_roles(*STUDENTS), filled({"purpose": "monitor"}), audited=False),
    Row(
        "POST /auth/ws-ticket",
        for_roles(*(caller for caller in SIGNED_IN if caller not in STUDENTS)),
        filled({"purpose": "console"}),
        audited=False,
    ),
]
