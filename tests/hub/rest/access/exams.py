"""Exams, items, policies and rosters need a permission. Only the creator can give permissions."""

from protocol.roles import Permission, Role
from tests.hub.rest.access.rows import ADMIN, CREATOR, TEACHERS, Call, Row, filled, for_roles, permitted
from tests.hub.rest.access.setup import AccessSetup

VIEW, EDIT, REVIEW = Permission.VIEW, Permission.EDIT, Permission.REVIEW


async def editing(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call(body={"version": await setup.version(), "topic": "Optics"})


async def publishing(setup: AccessSetup, caller: str) -> Call:
    del caller
    await setup.hide()
    return Call()


async def leaving(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"student_id": await setup.student_on_roster()})


async def leaving_other_exam(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"student_id": setup.other_exam["student_id"]})


async def granting(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"username": (await setup.account(Role.TEACHER))[1]}, {"can_view": True})


async def withdrawing(setup: AccessSetup, caller: str) -> Call:
    del caller
    call = await granting(setup, CREATOR)
    path = f"/exams/{setup.exam_id}/permissions/{call.params['username']}"
    assert (await setup.callers[CREATOR].put(path, call.body)).status_code == 200
    return call


ROWS = [
    Row("POST /exams", for_roles(*TEACHERS, ADMIN, ok=201), filled({"title": "x", "duration_minutes": 1})),
    Row("GET /exams", for_roles(*TEACHERS, ADMIN)),
    Row("GET /exams/{exam_id:uuid}", permitted(*Permission)),
    Row("PATCH /exams/{exam_id:uuid}", permitted(EDIT), editing),
    Row("POST /exams/{exam_id:uuid}/publish", permitted(EDIT), publishing),
    # An attempt is running.
    Row("POST /exams/{exam_id:uuid}/unpublish", permitted(EDIT, ok=409)),
    Row("DELETE /exams/{exam_id:uuid}", permitted(ok=409)),
    Row("POST /exams/{exam_id:uuid}/release", permitted(EDIT)),
    Row("GET /exams/{exam_id:uuid}/items", permitted(VIEW, EDIT, REVIEW), audited=True),
    Row("PUT /exams/{exam_id:uuid}/items", permitted(EDIT), filled({"items": []})),
    Row("GET /exams/{exam_id:uuid}/policy", permitted(VIEW, EDIT, REVIEW)),
    Row("PUT /exams/{exam_id:uuid}/policy", permitted(EDIT), filled({"policy": {}})),
    Row("GET /exams/{exam_id:uuid}/roster", permitted(VIEW, EDIT), audited=True),
    Row(
        "POST /exams/{exam_id:uuid}/roster",
        permitted(EDIT),
        filled({"students": [{"username": "newcomer", "name": "New"}]}),
    ),
    Row("POST /exams/{exam_id:uuid}/roster/preview", permitted(EDIT), filled("username,name\na,A\n"), audited=False),
    # Of no student, so that the sessions of the others stay.
    Row("POST /exams/{exam_id:uuid}/roster/codes", permitted(EDIT), filled({"students": []})),
    Row("DELETE /exams/{exam_id:uuid}/roster/{student_id:uuid}", permitted(EDIT, ok=204), leaving),
    Row("DELETE /exams/{exam_id:uuid}/roster/{student_id:uuid}", {CREATOR: 404, ADMIN: 404}, leaving_other_exam),
    Row("GET /exams/{exam_id:uuid}/permissions", permitted()),
    Row("PUT /exams/{exam_id:uuid}/permissions/{username:str}", permitted(), granting),
    Row("DELETE /exams/{exam_id:uuid}/permissions/{username:str}", permitted(ok=204), withdrawing),
]
