"""Routes for administrators, and for programs with a key. Permissions for an exam do not matter."""

from uuid import uuid4

from db.queries.retention import holds
from protocol.roles import Role
from tests.hub.rest.access.rows import ADMIN, CALLERS, Call, Row, filled, for_programs, for_roles
from tests.hub.rest.access.setup import AccessSetup


async def creating(setup: AccessSetup, caller: str) -> Call:
    del setup
    return Call(body={"username": f"made-{CALLERS.index(caller)}", "name": "Made", "role": "student"})


async def changing(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"user_id": (await setup.account(Role.STUDENT))[0]}, {"name": "Changed"})


async def reporting(setup: AccessSetup, caller: str) -> Call:
    del caller
    cited = [{"stream_id": str(setup.ids["stream_id"]), "seq": 1}]
    flag = {"summary": "alike", "severity": "normal", "confidence": 0.5, "cited": cited}
    return Call(body={"id": str(uuid4()), "attempt_id": str(setup.attempt_id), "flags": [flag]})


async def citing_other_exam(setup: AccessSetup, caller: str) -> Call:
    call = await reporting(setup, caller)
    call.body["flags"][0]["cited"][0]["stream_id"] = str(setup.other_exam["stream_id"])
    return call


async def erasing(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"user_id": (await setup.account(Role.STUDENT))[0]}, {"reason": "requested"})


async def holding(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call(body={"attempt_id": str(setup.attempt_id), "reason": "an appeal"})


async def releasing(setup: AccessSetup, caller: str) -> Call:
    del caller
    async with setup.engine.begin() as conn:
        hold = await holds.place_hold(conn, setup.attempt_id, placed_by=None, reason="x", until=None)
    return Call({"hold_id": hold.hold_id})


NEW_KEY = {"name": "other", "scopes": ["analysis"]}

ROWS = [
    Row("GET /admin/users", for_roles(ADMIN), audited=True),
    Row("POST /admin/users", for_roles(ADMIN, ok=201), creating),
    Row("PATCH /admin/users/{user_id:uuid}", for_roles(ADMIN), changing),
    Row("POST /admin/users/{user_id:uuid}/erase", for_roles(ADMIN), erasing),
    Row("GET /admin/holds", for_roles(ADMIN)),
    Row("POST /admin/holds", for_roles(ADMIN, ok=201), holding),
    Row("DELETE /admin/holds/{hold_id:uuid}", for_roles(ADMIN), releasing),
    Row("GET /admin/audit", for_roles(ADMIN), audited=True),
    Row("GET /admin/service-keys", for_roles(ADMIN)),
    Row("POST /admin/service-keys", for_roles(ADMIN, ok=201), filled(NEW_KEY)),
    Row("POST /analysis/behavior", for_programs(), reporting),
    Row("POST /analysis/behavior", for_programs(400), citing_other_exam),
    # Last: the program's own key.
    Row("DELETE /admin/service-keys/{key_id:uuid}", for_roles(ADMIN, ok=204)),
]
