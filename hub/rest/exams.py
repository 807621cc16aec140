"""Exams and their rosters, for those who make them. An exam of somebody else's does not exist here: 404.

Codes are printed once, in the answer that made them; only their hashes are stored.
"""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import NotFound
from db.hints import Hints
from db.queries import audit, credentials, exams, feed, users
from db.queries.exams import ExamRecord
from db.queries.users import NewStudent
from hub.auth.guards import BEARER, Person, person_as
from hub.auth.tickets import draw_code, hash_code
from hub.errors import Expired, Forbidden, Invalid, Missing, Outdated, Unauthenticated, problems
from hub.rest.fields import Email, Line, Name, Text, Title, Username
from judgement.policy import Preset, preset, write_policy
from protocol.console import StudentRow
from protocol.people import Role

ROSTER_MAX: Final = 2_000
PAGE_MAX: Final = 200


class NewExam(msgspec.Struct, frozen=True, kw_only=True):
    """An exam to make; `preset` chooses its rules: what a page can see, or a camera too."""

    title: Title
    duration_minutes: Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60, examples=[90])]
    preset: Preset = Preset.BROWSER
    subject: Line = ""
    description: Text = ""


class ExamPage(msgspec.Struct, frozen=True):
    """Exams, the newest first; `next` is the `before` of the page after this one, null on the last."""

    exams: list[ExamRecord]
    next: UUID | None


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A student for the roster; an account is made where the username has none."""

    username: Username
    name: Name
    email: Email | None = None


class Roster(msgspec.Struct, frozen=True):
    """Students to put on the roster; those who are on it stay, and get new codes."""

    students: Annotated[list[Entrant], msgspec.Meta(min_length=1, max_length=ROSTER_MAX)]


class StudentCode(msgspec.Struct, frozen=True, kw_only=True):
    """A student on the roster and the code to sign in with; it is shown only now."""

    student_id: UUID
    username: str
    name: str
    code: str


@post("/", summary="Make an exam", security=BEARER, responses=problems(Invalid, Unauthenticated, Expired, Forbidden))
async def create_exam(
    data: JSONBody[NewExam], engine: NamedDependency[AsyncEngine], person: NamedDependency[Person]
) -> ExamRecord:
    """Make an exam, published at once, with the first version of its policy."""
    settings = write_policy(preset(data.preset))
    async with engine.begin() as conn:
        if not await users.may_create_exams(conn, person.user_id):
            raise Forbidden("this account may not create exams")
        record = await exams.create(
            conn,
            creator_id=person.user_id,
            title=data.title,
            duration_minutes=data.duration_minutes,
            policy=settings,
            subject=data.subject,
            description=data.description,
        )
        await audit.append(
            conn, actor_id=person.user_id, action="create_exam", resource="exam", resource_id=record.exam_id
        )
    return record


@get("/", summary="List exams", security=BEARER, responses=problems(Invalid, Unauthenticated, Expired, Forbidden))
async def list_exams(
    engine: NamedDependency[AsyncEngine],
    person: NamedDependency[Person],
    before: FromQuery[UUID | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> ExamPage:
    """List one's own exams, an administrator all, page by page."""
    async with engine.connect() as conn:
        # One more than asked for tells whether there is another page.
        found = await exams.list_own(conn, user_id=person.user_id, role=person.role, before=before, limit=limit + 1)
    page = found[:limit]
    return ExamPage(page, page[-1].exam_id if len(found) > limit else None)


@post(
    "/{exam_id:uuid}/roster",
    status_code=HTTP_200_OK,
    summary="Put students on the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Missing, Outdated),
)
async def extend_roster(
    exam_id: FromPath[UUID],
    data: JSONBody[Roster],
    engine: NamedDependency[AsyncEngine],
    hints: NamedDependency[Hints],
    person: NamedDependency[Person],
) -> list[StudentCode]:
    """Enrol students, make the accounts that are missing, and give everyone named a fresh code; older ones end."""
    _check_unlike(data.students)
    new = [NewStudent(entrant.username, entrant.name, entrant.email) for entrant in data.students]
    async with engine.begin() as conn:
        await exams.read_own(conn, exam_id, user_id=person.user_id, role=person.role)
        accounts = await users.ensure_students(conn, new)
        codes = {account.user_id: draw_code() for account in accounts}
        arrived = await exams.enrol(conn, exam_id, list(codes))
        await credentials.replace_codes(conn, exam_id, {student: hash_code(code) for student, code in codes.items()})
        await audit.append(
            conn,
            actor_id=person.user_id,
            action="extend_roster",
            resource="exam",
            resource_id=exam_id,
            details={"students": str(len(accounts)), "new": str(len(arrived))},
        )
        rows = [StudentRow(account.user_id, account.name) for account in accounts if account.user_id in arrived]
        if rows:
            await feed.append(conn, exam_id, rows)
    await hints.announce("feed", exam_id)
    return [
        StudentCode(
            student_id=account.user_id, username=account.username, name=account.name, code=codes[account.user_id]
        )
        for account in accounts
    ]


@delete(
    "/{exam_id:uuid}/roster/{student_id:uuid}",
    summary="Take a student off the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Missing),
)
async def leave_roster(
    exam_id: FromPath[UUID],
    student_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    hints: NamedDependency[Hints],
    person: NamedDependency[Person],
) -> None:
    """Take a student off: the code ends, a running client is closed with 4403; what is recorded stays."""
    async with engine.begin() as conn:
        await exams.read_own(conn, exam_id, user_id=person.user_id, role=person.role)
        row = await exams.remove_from_roster(conn, exam_id, student_id)
        if row is None:
            raise NotFound(f"no student {student_id} on this roster")
        await credentials.revoke_codes(conn, exam_id, [student_id])
        await audit.append(
            conn,
            actor_id=person.user_id,
            action="leave_roster",
            resource="exam",
            resource_id=exam_id,
            details={"student": str(student_id)},
        )
        await feed.append(conn, exam_id, [row])
    await hints.announce("feed", exam_id)


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[create_exam, list_exams, extend_roster, leave_roster],
    dependencies={"person": Provide(person_as(Role.TEACHER, Role.ADMIN))},
)


def _check_unlike(students: Sequence[Entrant]) -> None:
    seen: set[str] = set()
    for index, student in enumerate(students):
        if student.username.lower() in seen:
            raise Invalid(f"$.students[{index}].username", "this username is there twice")
        seen.add(student.username.lower())
