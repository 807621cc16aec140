"""What a student does over REST: see the exams to sit, sit them, hand in, and read what came of it.

No other student's exam or attempt is ever visible here, no key, and no label.
"""

from typing import Final

from litestar import Router
from litestar.di import Provide

from hub.auth.guards import principal_as
from hub.rest.student.attempts import list_answers, read_attempt
from hub.rest.student.dashboard import read_dashboard
from hub.rest.student.student_exams import list_enrolments, start_attempt
from hub.rest.student.submission import submit
from protocol.roles import Role

router: Final = Router(
    path="/student",
    tags=["student"],
    route_handlers=[read_dashboard, list_enrolments, start_attempt, read_attempt, list_answers, submit],
    dependencies={"principal": Provide(principal_as(Role.STUDENT))},
)
