"""A student's own exams and attempts, and never those of another student.

What a student does is an event of the attempt, so it needs no audit row.
"""

from tests.hub.rest.access.rows import STUDENTS, Call, Row, for_roles, own
from tests.hub.rest.access.setup import AccessSetup


async def submitting(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call({"attempt_id": await setup.seeded()}, {})


ROWS = [
    Row("GET /student/dashboard", for_roles(*STUDENTS)),
    Row("GET /student/exams", for_roles(*STUDENTS)),
    Row("POST /student/exams/{exam_id:uuid}/start", own(), audited=False),
    Row("GET /student/exams/{attempt_id:uuid}", own()),
    Row("GET /student/exams/{attempt_id:uuid}/answers", own()),
    Row("POST /student/exams/{attempt_id:uuid}/submit", own(), submitting, audited=False),
]
