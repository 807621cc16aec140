"""Attempts and flags need a permission for their exam."""

from uuid import uuid4

from protocol.roles import Permission
from tests.hub.rest.access.rows import ADMIN, TEACHERS, Call, Row, for_roles, permitted
from tests.hub.rest.access.setup import AccessSetup

VIEW, REVIEW, ANALYTICS = Permission.VIEW, Permission.REVIEW, Permission.VIEW_ANALYTICS


async def reviewing(setup: AccessSetup, caller: str) -> Call:
    del caller
    body = {"id": str(uuid4()), "decision": "dismissed", "seen": "open", "reason": "a notification"}
    return Call({"flag_id": await setup.flag()}, body)


async def grading(setup: AccessSetup, caller: str) -> Call:
    del caller
    await setup.end(setup.attempt_id)
    return Call(body={"grades": []})


async def waiving(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"attempt_id": await setup.attempt()}, {"id": str(uuid4()), "reason": "the network blocks sockets"})


ROWS = [
    Row("GET /teacher/dashboard", for_roles(*TEACHERS, ADMIN), audited=True),
    Row("GET /teacher/flagged-students", for_roles(*TEACHERS, ADMIN), audited=True),
    Row("GET /teacher/exams/{exam_id:uuid}/analytics", permitted(ANALYTICS), audited=True),
    Row("GET /teacher/exams/{exam_id:uuid}/attempts", permitted(VIEW), audited=True),
    Row("GET /teacher/exams/{exam_id:uuid}/flags", permitted(VIEW, REVIEW), audited=True),
    Row("GET /teacher/exams/{exam_id:uuid}/flags.csv", permitted(ANALYTICS), audited=True),
    Row("GET /teacher/attempts/{attempt_id:uuid}/monitoring", permitted(VIEW), audited=True),
    Row("GET /teacher/attempts/{attempt_id:uuid}/events.csv", permitted(ANALYTICS), audited=True),
    Row("GET /teacher/flags/{flag_id:uuid}", permitted(VIEW, REVIEW), audited=True),
    Row("POST /teacher/flags/{flag_id:uuid}/review", permitted(REVIEW), reviewing),
    Row("POST /teacher/attempts/{attempt_id:uuid}/waiver", permitted(Permission.INVIGILATE, ok=204), waiving),
    # A student belongs to no exam: without a permission for one of theirs, the student does not exist.
    Row("GET /teacher/students/{student_id:uuid}", permitted(VIEW, otherwise=404), audited=True),
    Row("GET /teacher/attempts/{attempt_id:uuid}/answers", permitted(REVIEW), audited=True),
    Row("POST /teacher/attempts/{attempt_id:uuid}/grade", permitted(REVIEW), grading),
]
