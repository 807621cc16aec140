"""List an exam's roster, add students to it as JSON or CSV, and remove them.

A code must never be stored or shown twice: it is in the one response that created it, and the database has its hash.
A request is carried out completely or not at all.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AlreadyTaken, Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries import access
from db.queries.accounts import credentials, users
from db.queries.accounts.users import NewStudent
from db.queries.exams import rosters
from db.queries.exams.rosters import RosterEntry
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.tickets import draw_code, hash_code
from hub.errors import Expired, Fault, Invalid, Unauthenticated, problems, refuse_any
from hub.rest.exams.roster_csv import ROWS_MAX, path_of, read_csv
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.bodies import LARGE_BYTES, BoundedRequest
from hub.rest.http.fields import Email, Line, Name, Tidied, Username
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.console import StudentRow
from protocol.roles import Permission, Role

CSV: Final = "text/csv"


class Entrant(Tidied, frozen=True, kw_only=True):
    """A student for the roster. If there is no account with this username, it is created."""

    username: Username
    name: Name
    email: Email | None = None
    enrollment_id: Line | None = None
    cohort: Line | None = None


class Roster(msgspec.Struct, frozen=True):
    """Students to add to the roster. Students who are already on it get new codes."""

    students: Annotated[list[Entrant], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]


class StudentCode(msgspec.Struct, frozen=True, kw_only=True):
    """A student on the roster with a sign-in code. The code is not shown again."""

    student_id: UUID
    username: str
    name: str
    code: str


class RosterRequest(BoundedRequest):
    """A request whose body may also be CSV, which becomes the same structure as JSON. Invalid rows are listed."""

    rows: Sequence[int] | None = None
    """The row of each student in the CSV; None for JSON."""

    async def json(self) -> Any:
        """Return the decoded body. Raises Invalid with all faults of a CSV file."""
        if self.content_type[0] != CSV:
            return await super().json()
        # A large file takes longer than other clients of this process may wait.
        reading = await asyncio.to_thread(read_csv, await self.body())
        refuse_any(reading.faults)
        self.rows = [row.number for row in reading.rows]
        students = [msgspec.structs.asdict(row) for row in reading.rows]
        return {"students": [{name: row[name] for name in Entrant.__struct_fields__} for row in students]}


class RosterOperation(Operation):
    """The documentation of an operation whose body may also be CSV."""

    def __post_init__(self) -> None:
        """Add CSV to the documented bodies."""
        if isinstance(self.request_body, RequestBody):
            table = Schema(
                type=OpenAPIType.STRING,
                description="The first row names the columns: username, name, email, enrollment_id, cohort",
                examples=["username,name,email\nada,Ada Example,ada@school.example\n"],
            )
            self.request_body.content[CSV] = OpenAPIMediaType(schema=table)


@get(
    "/{exam_id:uuid}/roster",
    summary="List the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def list_roster(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[RosterEntry]:
    """List the exam's students by username, including those who were removed."""
    start = read_cursor(after, str)
    async with change(engine, None) as unit:
        record_action(unit, request, principal.user_id, "read_roster", "exam", exam_id)
        found = await rosters.list_entries(unit.conn, exam_id, principal.user_id, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda entry: entry.username)


@post(
    "/{exam_id:uuid}/roster",
    status_code=HTTP_200_OK,
    summary="Add students to the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
    request_class=RosterRequest,
    operation_class=RosterOperation,
    request_max_body_size=LARGE_BYTES,
)
async def extend_roster(
    request: RosterRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[Roster],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> list[StudentCode]:
    """Add students, create missing accounts, and give each of these students a new code. Earlier codes end.

    The body may also be CSV (`text/csv`). Then all invalid rows are listed in one answer.
    """
    _check_usernames(data.students)
    new = [NewStudent(**msgspec.structs.asdict(entrant)) for entrant in data.students]
    async with change(engine, notifier) as unit:
        await access.require(unit.conn, exam_id, principal.user_id, Permission.EDIT)
        try:
            accounts = await users.ensure_students(unit.conn, new)
        except AlreadyTaken as taken:
            if request.rows is not None:
                refuse_any(_rows_taken(taken, data.students, request.rows))
            raise
        codes = {account.user_id: draw_code() for account in accounts}
        added = await rosters.enroll(unit.conn, exam_id, list(codes))
        hashes = {student_id: hash_code(code) for student_id, code in codes.items()}
        await credentials.replace_codes(unit.conn, exam_id, hashes)
        record_action(
            unit,
            request,
            principal.user_id,
            "extend_roster",
            "exam",
            exam_id,
            students=len(accounts),
            new=len(added),
        )
        added_accounts = [account for account in accounts if account.user_id in added]
        unit.feed(exam_id, [StudentRow(account.user_id, account.name) for account in added_accounts])
    return [
        StudentCode(
            student_id=account.user_id, username=account.username, name=account.name, code=codes[account.user_id]
        )
        for account in accounts
    ]


@delete(
    "/{exam_id:uuid}/roster/{student_id:uuid}",
    summary="Remove a student from the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def leave_roster(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    student_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> None:
    """Remove a student. The code ends and a connected client is closed with 4403. Recorded data stays."""
    async with change(engine, notifier) as unit:
        await access.require(unit.conn, exam_id, principal.user_id, Permission.EDIT)
        row = await rosters.remove_from_roster(unit.conn, exam_id, student_id)
        if row is None:
            raise NotFound(f"There is no student {student_id} on this roster.")
        await credentials.revoke_codes(unit.conn, exam_id, [student_id])
        record_action(unit, request, principal.user_id, "leave_roster", "exam", exam_id, student=student_id)
        unit.feed(exam_id, [row])


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[list_roster, extend_roster, leave_roster],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _check_usernames(students: Sequence[Entrant]) -> None:
    seen: set[str] = set()
    for index, student in enumerate(students):
        if student.username.lower() in seen:
            raise Invalid(f"$.students[{index}].username", "used twice")
        seen.add(student.username.lower())


def _rows_taken(taken: AlreadyTaken, students: Sequence[Entrant], rows: Sequence[int]) -> list[Fault]:
    number = {student.username: row for student, row in zip(students, rows, strict=True)}
    return [Fault(path_of(number[name], column), "already used by another account") for name, column in taken.taken]
