"""REST for teachers, one module per noun.

Answers must never contain anything about an exam that the user cannot see.
"""

from typing import Final

from litestar import Router
from litestar.di import Provide

from hub.auth.guards import principal_as
from hub.rest.teacher.attempts import list_attempts
from hub.rest.teacher.dashboard import read_dashboard
from hub.rest.teacher.exam_analytics import read_analytics
from hub.rest.teacher.exports import export_events, export_flags
from hub.rest.teacher.flags import list_flags, read_flag, review_flag
from hub.rest.teacher.students import list_flagged_students, read_student
from hub.rest.teacher.timeline import read_monitoring
from hub.rest.teacher.waivers import waive_stream
from protocol.roles import Role

router: Final = Router(
    path="/teacher",
    tags=["teacher"],
    route_handlers=[
        read_dashboard,
        read_analytics,
        list_attempts,
        read_monitoring,
        list_flags,
        read_flag,
        review_flag,
        waive_stream,
        read_student,
        list_flagged_students,
        export_events,
        export_flags,
    ],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)
