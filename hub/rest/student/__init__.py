"""REST for students: list and start exams, submit attempts, and read their results.

Answers must never contain another student's data, an answer key or a risk label.
"""

from typing import Final

from litestar import Router
from litestar.di import Provide

from hub.auth.guards import principal_as
from hub.rest.student.attempts import list_answers, read_attempt
from hub.rest.student.dashboard import read_dashboard
from hub.rest.student.own_data import download_data
from hub.rest.student.student_exams import list_enrolments, start_attempt
from hub.rest.student.submission import submit
from protocol.roles import Role

router: Final = Router(
    path="/student",
    tags=["student"],
    route_handlers=[read_dashboard, list_enrolments, start_attempt, read_attempt, list_answers, submit, download_data],
    dependencies={"principal": Provide(principal_as(Role.STUDENT))},
)
