"""For administrators alone, and for programs with a key: no permission in an exam opens any of it."""

from uuid import uuid4

from protocol.roles import Role
from tests.hub.rest.access.rows import ADMIN, CALLERS, Call, Row, filled, for_programs, for_roles
from tests.hub.rest.access.stage import Stage


async def making(stage: Stage, caller: str) -> Call:
    del stage
    return Call(body={"username": f"made-{CALLERS.index(caller)}", "name": "Made", "role": "student"})


async def changing(stage: Stage, caller: str) -> Call:
    del caller
    return Call({"user_id": (await stage.account(Role.STUDENT))[0]}, {"name": "Changed"})


async def reporting(stage: Stage, caller: str) -> Call:
    del caller
    cited = [{"stream_id": str(stage.ids["stream_id"]), "seq": 1}]
    flag = {"summary": "alike", "severity": "normal", "confidence": 0.5, "cited": cited}
    return Call(body={"id": str(uuid4()), "attempt_id": str(stage.attempt_id), "flags": [flag]})


async def citing_next_door(stage: Stage, caller: str) -> Call:
    call = await reporting(stage, caller)
    call.body["flags"][0]["cited"][0]["stream_id"] = str(stage.neighbour["stream_id"])
    return call


NEW_KEY = {"name": "other", "scopes": ["analysis"]}

ROWS = [
    Row("GET /admin/users", for_roles(ADMIN)),
    Row("POST /admin/users", for_roles(ADMIN, ok=201), making),
    Row("PATCH /admin/users/{user_id:uuid}", for_roles(ADMIN), changing),
    Row("GET /admin/audit", for_roles(ADMIN), noted=True),
    Row("GET /admin/service-keys", for_roles(ADMIN)),
    Row("POST /admin/service-keys", for_roles(ADMIN, ok=201), filled(NEW_KEY)),
    Row("POST /analysis/behavior", for_programs(), reporting),
    Row("POST /analysis/behavior", for_programs(400), citing_next_door),
    # Last: the program's own key.
    Row("DELETE /admin/service-keys/{key_id:uuid}", for_roles(ADMIN, ok=204)),
]
