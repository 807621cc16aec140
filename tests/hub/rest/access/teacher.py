"""What teachers read and decide of attempts and flags: by what was permitted in the exam they belong to."""

from uuid import uuid4

from protocol.roles import Permission
from tests.hub.rest.access.rows import ADMIN, TEACHERS, Call, Row, for_roles, permitted
from tests.hub.rest.access.stage import Stage

VIEW, REVIEW, ANALYTICS = Permission.VIEW, Permission.REVIEW, Permission.VIEW_ANALYTICS


async def reviewing(stage: Stage, caller: str) -> Call:
    del caller
    body = {"id": str(uuid4()), "decision": "dismissed", "seen": "open", "reason": "a notification"}
    return Call({"flag_id": await stage.flag()}, body)


async def grading(stage: Stage, caller: str) -> Call:
    del caller
    await stage.end(stage.attempt_id)
    return Call(body={"grades": []})


ROWS = [
    Row("GET /teacher/dashboard", for_roles(*TEACHERS, ADMIN)),
    Row("GET /teacher/flagged-students", for_roles(*TEACHERS, ADMIN)),
    Row("GET /teacher/exams/{exam_id:uuid}/analytics", permitted(ANALYTICS)),
    Row("GET /teacher/exams/{exam_id:uuid}/attempts", permitted(VIEW)),
    Row("GET /teacher/exams/{exam_id:uuid}/flags", permitted(VIEW, REVIEW)),
    Row("GET /teacher/exams/{exam_id:uuid}/flags.csv", permitted(ANALYTICS), noted=True),
    Row("GET /teacher/attempts/{attempt_id:uuid}/monitoring", permitted(VIEW), noted=True),
    Row("GET /teacher/attempts/{attempt_id:uuid}/events.csv", permitted(ANALYTICS), noted=True),
    Row("GET /teacher/flags/{flag_id:uuid}", permitted(VIEW, REVIEW), noted=True),
    Row("POST /teacher/flags/{flag_id:uuid}/review", permitted(REVIEW), reviewing),
    # A student is no exam's: who may see none of theirs is told that there is no such student.
    Row("GET /teacher/students/{student_id:uuid}", permitted(VIEW, otherwise=404), noted=True),
    Row("GET /teacher/attempts/{attempt_id:uuid}/answers", permitted(REVIEW), noted=True),
    Row("POST /teacher/attempts/{attempt_id:uuid}/grade", permitted(REVIEW), grading),
]
