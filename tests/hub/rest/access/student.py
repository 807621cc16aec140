"""A student's own exams and attempts, and never those of another student.

What a student does is an event of the attempt, so it needs no audit row.
"""

from tests.hub.rest.access.rows import STUDENT, STUDENTS, Call, Row, for_roles, own
from tests.hub.rest.access.setup import AccessSetup


async def submitting(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"attempt_id": await setup.seeded()}, {})


async def acknowledging(setup: AccessSetup, caller: str) -> Call:
    del caller
    listed = (await setup.callers[STUDENT].get("/student/exams")).json()["items"]
    (version,) = (exam["notice"]["version"] for exam in listed if exam["exam_id"] == str(setup.exam_id))
    return Call(body={"notice": version})


ROWS = [
    Row("GET /student/dashboard", for_roles(*STUDENTS)),
    Row("GET /student/exams", for_roles(*STUDENTS)),
    Row("GET /student/me/data", for_roles(*STUDENTS), audited=True),
    Row("POST /student/exams/{exam_id:uuid}/start", own(), acknowledging, audited=False),
    Row("GET /student/exams/{attempt_id:uuid}", own()),
    Row("GET /student/exams/{attempt_id:uuid}/answers", own()),
    Row("POST /student/exams/{attempt_id:uuid}/submit", own(), submitting, audited=False),
]
