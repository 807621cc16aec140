"""What a student does before the socket: see the exams to sit, and start one. No other student's is ever visible."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import to_ms
from db.hints import Hints
from db.queries import attempts, exams
from db.queries.exams import Enrolment
from hub.auth.guards import BEARER, Person, person_as
from hub.errors import Expired, Forbidden, Missing, Unauthenticated, problems
from judgement.rules import RULEBOOK_VERSION
from protocol.attempts import AttemptStatus
from protocol.people import Role


class Started(msgspec.Struct, frozen=True):
    """The running attempt; `deadline` in ms since the epoch."""

    attempt_id: UUID
    status: AttemptStatus
    deadline: int | None


@get(
    "/exams", summary="List the exams to sit", security=BEARER, responses=problems(Unauthenticated, Expired, Forbidden)
)
async def list_enrolments(engine: NamedDependency[AsyncEngine], person: NamedDependency[Person]) -> list[Enrolment]:
    """List the exams one is enrolled in, each with the attempt that is running; after a sign-in by code, that one."""
    async with engine.connect() as conn:
        return await exams.list_enrolments(conn, person.user_id, only_exam=person.exam_id)


@post(
    "/exams/{exam_id:uuid}/start",
    status_code=HTTP_200_OK,
    summary="Start an exam, or go on with it",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, Missing),
)
async def start_attempt(
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    hints: NamedDependency[Hints],
    person: NamedDependency[Person],
) -> Started:
    """Start an attempt, or return the one that is running: from any machine, as often as wanted."""
    if not person.may_sit(exam_id):
        raise Missing(f"no exam {exam_id} for this student")
    async with engine.begin() as conn:
        opened = await attempts.start(conn, exam_id, person.user_id, rulebook_version=RULEBOOK_VERSION)
    if opened.created:
        await hints.announce("feed", exam_id)
    return Started(opened.attempt_id, opened.status, None if opened.deadline is None else to_ms(opened.deadline))


router: Final = Router(
    path="/student",
    tags=["student"],
    route_handlers=[list_enrolments, start_attempt],
    dependencies={"person": Provide(person_as(Role.STUDENT))},
)
