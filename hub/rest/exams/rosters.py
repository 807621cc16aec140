"""Who is to sit an exam: putting students on the roster, as JSON or as a spreadsheet's CSV, and taking them off.

Codes are printed once, in the answer that made them; only their hashes are stored. Nothing is ever half done.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AlreadyTaken, Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries import access, feed
from db.queries.accounts import credentials, users
from db.queries.accounts.users import NewStudent
from db.queries.exams import rosters
from db.queries.exams.rosters import RosterEntry
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.tickets import draw_code, hash_code
from hub.errors import Expired, Fault, Invalid, Unauthenticated, problems, refuse_any
from hub.rest.exams.roster_csv import ROWS_MAX, path_of, read_csv
from hub.rest.http import audit
from hub.rest.http.audit import AnyRequest
from hub.rest.http.fields import Email, Line, Name, Username
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.console import StudentRow
from protocol.roles import Permission, Role

CSV: Final = "text/csv"


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A student for the roster; an account is made where the username has none."""

    username: Username
    name: Name
    email: Email | None = None
    enrollment_id: Line | None = None
    cohort: Line | None = None


class Roster(msgspec.Struct, frozen=True):
    """Students to put on the roster; those who are on it stay, and get new codes."""

    students: Annotated[list[Entrant], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]


class StudentCode(msgspec.Struct, frozen=True, kw_only=True):
    """A student on the roster and the code to sign in with; it is shown only now."""

    student_id: UUID
    username: str
    name: str
    code: str


class RosterRequest(Request[Any, Any, Any]):
    """A request whose body may be CSV too: it is read into what its JSON would be, or refused row by row."""

    rows: Sequence[int] | None = None
    """Which row of the CSV each student stands in; None for JSON."""

    async def json(self) -> Any:
        """What the body says."""
        if self.content_type[0] != CSV:
            return await super().json()
        reading = read_csv(await self.body())
        refuse_any(reading.faults)
        self.rows = [row.number for row in reading.rows]
        students = [msgspec.structs.asdict(row) for row in reading.rows]
        return {"students": [{name: row[name] for name in Entrant.__struct_fields__} for row in students]}


class RosterOperation(Operation):
    """The documentation of an operation that takes CSV too."""

    def __post_init__(self) -> None:
        """Add the other form of the body."""
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
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[RosterEntry]:
    """List the exam's students by username, with those who were taken off it."""
    start = read_cursor(after, str)
    async with engine.connect() as conn:
        found = await rosters.list_entries(conn, exam_id, principal.user_id, after=start, limit=limit + 1)
    return make_page(found, limit, key=lambda entry: entry.username)


@post(
    "/{exam_id:uuid}/roster",
    status_code=HTTP_200_OK,
    summary="Put students on the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
    request_class=RosterRequest,
    operation_class=RosterOperation,
)
async def extend_roster(
    request: RosterRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[Roster],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> list[StudentCode]:
    """Enrol students, make the accounts that are missing, and give everyone named a fresh code; older ones end.

    The body may be a spreadsheet's CSV as well (`text/csv`): then every row that does not fit is named at once.
    """
    _check_unlike(data.students)
    new = [NewStudent(**msgspec.structs.asdict(entrant)) for entrant in data.students]
    async with engine.begin() as conn:
        await access.require(conn, exam_id, principal.user_id, Permission.EDIT)
        try:
            accounts = await users.ensure_students(conn, new)
        except AlreadyTaken as taken:
            if request.rows is not None:
                refuse_any(_rows_taken(taken, data.students, request.rows))
            raise
        codes = {account.user_id: draw_code() for account in accounts}
        arrived = await rosters.enroll(conn, exam_id, list(codes))
        await credentials.replace_codes(conn, exam_id, {student: hash_code(code) for student, code in codes.items()})
        await audit.leave(
            conn,
            request,
            principal.user_id,
            "extend_roster",
            "exam",
            exam_id,
            students=len(accounts),
            new=len(arrived),
        )
        rows = [StudentRow(account.user_id, account.name) for account in accounts if account.user_id in arrived]
        if rows:
            await feed.append(conn, exam_id, rows)
    await notifier.notify("feed", exam_id)
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
    """Take a student off: the code ends, a running client is closed with 4403; what is recorded stays."""
    async with engine.begin() as conn:
        await access.require(conn, exam_id, principal.user_id, Permission.EDIT)
        row = await rosters.remove_from_roster(conn, exam_id, student_id)
        if row is None:
            raise NotFound(f"There is no student {student_id} on this roster.")
        await credentials.revoke_codes(conn, exam_id, [student_id])
        await audit.leave(conn, request, principal.user_id, "leave_roster", "exam", exam_id, student=student_id)
        await feed.append(conn, exam_id, [row])
    await notifier.notify("feed", exam_id)


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[list_roster, extend_roster, leave_roster],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _check_unlike(students: Sequence[Entrant]) -> None:
    seen: set[str] = set()
    for index, student in enumerate(students):
        if student.username.lower() in seen:
            raise Invalid(f"$.students[{index}].username", "used twice")
        seen.add(student.username.lower())


def _rows_taken(taken: AlreadyTaken, students: Sequence[Entrant], rows: Sequence[int]) -> list[Fault]:
    number = {student.username: row for student, row in zip(students, rows, strict=True)}
    return [Fault(path_of(number[name], column), "already used by another account") for name, column in taken.taken]
