"""Signing in: open to everybody, whoever else they are already; tickets only to one's own kind of socket."""

from tests.hub.conftest import PASSWORD
from tests.hub.rest.access.rows import CALLERS, NOBODY, SERVICE, STUDENTS, Call, Row, filled, for_everybody, for_roles
from tests.hub.rest.access.stage import Stage

MAKER_LOGIN = {"username": "the-maker", "password": PASSWORD}
PERSONS = [caller for caller in CALLERS if caller not in (NOBODY, SERVICE)]


async def registering(stage: Stage, caller: str) -> Call:
    del stage
    return Call(body={"username": f"new-{CALLERS.index(caller)}", "password": PASSWORD, "name": "New"})


async def refreshing(stage: Stage, caller: str) -> Call:
    del caller
    fresh = await stage.anew("the maker")
    return Call(body={"refresh_token": fresh.tokens["refresh_token"]})


ROWS = [
    Row("POST /auth/register", for_everybody(201), registering),
    Row("POST /auth/login", for_everybody(), filled(MAKER_LOGIN)),
    Row("POST /auth/code", for_everybody(401), filled({"code": "7K2M-9QXA-04RT-B6WE"})),
    Row("POST /auth/refresh", for_everybody(), refreshing, noted=False),
    Row("POST /auth/logout", for_roles(*PERSONS, ok=204), signed_in_anew=True),
    Row("POST /auth/ws-ticket", for_roles(*STUDENTS), filled({"purpose": "monitor"}), noted=False),
    Row(
        "POST /auth/ws-ticket",
        for_roles(*(caller for caller in PERSONS if caller not in STUDENTS)),
        filled({"purpose": "console"}),
        noted=False,
    ),
]
