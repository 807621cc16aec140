"""What a student does: their own, and never another's; no teacher sits an exam, nor reads as if they did.

What they do is a fact of the attempt itself: it needs no trail beside.
"""

from tests.hub.rest.access.rows import STUDENTS, Call, Row, for_roles, own
from tests.hub.rest.access.stage import Stage


async def submitting(stage: Stage, caller: str) -> Call:
    del caller
    return Call({"attempt_id": await stage.seeded()}, {})


ROWS = [
    Row("GET /student/dashboard", for_roles(*STUDENTS)),
    Row("GET /student/exams", for_roles(*STUDENTS)),
    Row("POST /student/exams/{exam_id:uuid}/start", own(), noted=False),
    Row("GET /student/exams/{attempt_id:uuid}", own()),
    Row("GET /student/exams/{attempt_id:uuid}/answers", own()),
    Row("POST /student/exams/{attempt_id:uuid}/submit", own(), submitting, noted=False),
]
