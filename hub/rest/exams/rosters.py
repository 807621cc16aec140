"""List an exam's roster, add students to it as JSON or CSV, renew their codes, and remove them.

A code must never be stored or shown twice: it is in the one response that created it, and the database has its hash.
A request is carried out completely or not at all. An account that its user registered must never be added before the
teacher confirmed it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, KeyReused, NotFound
from db.models import SessionEnd
from db.notify import Notifier
from db.queries import access
from db.queries.accounts import candidates, credentials
from db.queries.accounts.candidates import Found, RosterStudent
from db.queries.exams import rosters
from db.queries.exams.rosters import Enrolled, RosterEntry, RosterLine
from db.unit import Unit, change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.auth.tickets import draw_code, hash_exam_code
from hub.errors import (
    Busy,
    Expired,
    Fault,
    Invalid,
    NeedsConfirmation,
    RegisteredStudent,
    Unauthenticated,
    problems,
    refuse_any,
)
from hub.rest.exams.roster_csv import ROWS_MAX, CsvRow, UsedColumn, path_of, read_csv
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.bodies import LARGE_BYTES, BoundedRequest
from hub.rest.http.fields import Email, Line, Name, Tidied, Username
from hub.rest.http.idempotency import Once, may_edit
from hub.rest.http.paging import PAGE, After, Limit, Page, make_page, read_cursor
from hub.settings import HubSettings
from protocol.console import StudentRow
from protocol.roles import Permission, Role
from protocol.text.names import canonical_username

CSV: Final = "text/csv"

Confirmed = Annotated[
    list[str] | None,
    QueryParameter(max_items=ROWS_MAX, description="Usernames of self-made accounts to add, for a CSV body"),
]
"""For a handler's `confirm`, by default None."""


class Entrant(Tidied, frozen=True, kw_only=True):
    """A student for the roster. If there is no account with this username, it is created.

    Without a username, the enrollment id names the account of a student.
    """

    username: Username | None = None
    name: Name
    email: Email | None = None
    enrollment_id: Line | None = None
    cohort: Line | None = None


class Roster(msgspec.Struct, frozen=True):
    """Students to add to the roster. `confirm` has the usernames of self-made accounts that the teacher confirmed."""

    students: Annotated[list[Entrant], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]
    confirm: Annotated[list[str], msgspec.Meta(max_length=ROWS_MAX)] = []


class StudentCode(msgspec.Struct, frozen=True, kw_only=True):
    """A student on the roster with a sign-in code, which is not shown again.

    `code` is null for students who have one already, and in the answer to a repeated request with the same
    `Idempotency-Key`. `POST /exams/{exam_id}/roster/codes` replaces it.
    """

    student_id: UUID
    username: str
    name: str
    code: str | None


class RenewedCodes(msgspec.Struct, frozen=True):
    """The usernames of the students who get a new code; without `students`, all on the roster."""

    students: Annotated[list[str], msgspec.Meta(max_length=ROWS_MAX)] | None = None


class PreviewRow(CsvRow, frozen=True, kw_only=True):
    """One row of the file as it was understood. `on_roster`: the student is on the roster already."""

    on_roster: bool


class RosterPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was understood. With `faults` it cannot be added; rows in `to_confirm` need a confirmation."""

    rows: list[PreviewRow]
    encoding: str
    separator: str
    columns: list[UsedColumn]
    not_read: list[str]
    faults: list[Fault]
    to_confirm: list[RegisteredStudent]
    notices: list[str]


class RosterRequest(BoundedRequest):
    """A request whose body may also be CSV, which becomes the same structure as JSON. Invalid rows are listed."""

    rows: Sequence[int] | None = None
    """The row of each student in the CSV; None for JSON."""

    async def json(self) -> Any:
        """Return the decoded body. Raises Invalid with all faults of a CSV file."""
        if self.content_type[0] != CSV:
            return await super().json()
        file = await asyncio.to_thread(read_csv, await self.body())
        refuse_any(file.faults)
        self.rows = [row.row for row in file.rows]
        return {"students": [_entrant(row) for row in file.rows]}


class RosterOperation(Operation):
    """The documentation of an operation whose body may also be CSV."""

    def __post_init__(self) -> None:
        """Add CSV to the documented bodies."""
        table = Schema(
            type=OpenAPIType.STRING,
            description=(
                "The bytes of a spreadsheet saved as CSV. The first row names the columns, in several languages: "
                "username, name (or first name and last name), email, enrollment id, cohort"
            ),
            examples=["username,name,email\nada,Ada Example,ada@school.example\n"],
        )
        if not isinstance(self.request_body, RequestBody):
            self.request_body = RequestBody(content={}, required=True)
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
    "/{exam_id:uuid}/roster/preview",
    status_code=HTTP_200_OK,
    summary="Preview a roster file",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
    operation_class=RosterOperation,
    request_max_body_size=LARGE_BYTES,
)
async def preview_roster(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    header: FromQuery[Literal["required", "optional"]] = "required",
) -> RosterPreview:
    """Show how a CSV file is understood, without a change: rows, columns that are not read, faults, confirmations.

    With `header=optional` the first row may be a student: then the columns are username, name and e-mail.
    """
    async with engine.connect() as conn:
        await access.require(conn, exam_id, principal.user_id, Permission.EDIT)
    body = await request.body()
    file = await asyncio.to_thread(read_csv, body, needs_header=header == "required")
    entered = [RosterStudent(**_entrant(row)) for row in file.rows]
    async with engine.connect() as conn:
        found = await candidates.find_accounts(conn, exam_id, entered)
        enrolled = {one.student_id for one in await rosters.find_on_roster(conn, exam_id, found.usernames)}
    places = [path_of(row.row) for row in file.rows]
    return RosterPreview(
        rows=[
            PreviewRow(**msgspec.structs.asdict(row), on_roster=user_id in enrolled)
            for row, user_id in zip(file.rows, found.user_ids, strict=True)
        ],
        encoding=file.encoding,
        separator=file.separator,
        columns=file.columns,
        not_read=file.not_read,
        faults=file.faults + _faults(found, lambda index, column: f"{places[index]}, {column}"),
        to_confirm=_registered(found, places),
        notices=file.notices,
    )


@post(
    "/{exam_id:uuid}/roster",
    status_code=HTTP_200_OK,
    summary="Add students to the roster",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, NeedsConfirmation, KeyReused, Busy),
    request_class=RosterRequest,
    operation_class=RosterOperation,
    request_max_body_size=LARGE_BYTES,
)
async def extend_roster(
    request: RosterRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[Roster],
    once: NamedDependency[Once],
    notifier: NamedDependency[Notifier],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
    confirm: Confirmed = None,
) -> list[StudentCode]:
    """Add students, create missing accounts, and give a code to each student who has none for this exam.

    The body may also be CSV (`text/csv`). Then all invalid rows are listed in one answer. An account that its user
    registered is added only with its username in `confirm`: then its password and sessions end.
    """
    rows = request.rows
    places = [f"$.students[{index}]" if rows is None else path_of(rows[index]) for index in range(len(data.students))]
    entered = [RosterStudent(**_values(entrant)) for entrant in data.students]
    async with once.change(principal.user_id, notifier, check=may_edit(exam_id)) as unit:
        await rosters.lock(unit.conn, exam_id)
        found = await candidates.ensure_accounts(unit.conn, exam_id, entered, {*data.confirm, *(confirm or ())})
        dot = "." if rows is None else ", "
        refuse_any(_faults(found, lambda index, column: f"{places[index]}{dot}{column}"))
        if found.self_made:
            raise NeedsConfirmation(_registered(found, places))
        enrolled = [
            Enrolled(user_id, username, one.name)
            for user_id, username, one in zip(found.user_ids, found.usernames, entered, strict=True)
            if user_id is not None
        ]
        entries = [
            RosterLine(one.student_id, one.name, student.email, student.enrollment_id, student.cohort)
            for one, student in zip(enrolled, entered, strict=True)
        ]
        changed = await rosters.enroll(unit.conn, exam_id, entries)
        missing = await credentials.find_without_code(unit.conn, exam_id, [one.student_id for one in enrolled])
        codes = await _give_codes(unit, exam_id, missing, settings)
        record_action(
            unit,
            request,
            principal.user_id,
            "extend_roster",
            "exam",
            exam_id,
            students=len(enrolled),
            new=len(missing),
        )
        unit.feed(exam_id, [StudentRow(one.student_id, one.name) for one in enrolled if one.student_id in changed])
        return _keep(once, enrolled, codes)


@post(
    "/{exam_id:uuid}/roster/codes",
    status_code=HTTP_200_OK,
    summary="Replace the codes of students",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, KeyReused, Busy),
    request_max_body_size=LARGE_BYTES,
)
async def renew_codes(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    once: NamedDependency[Once],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
    data: JSONBody[RenewedCodes | None] = None,
) -> list[StudentCode]:
    """Give new codes to all students on the roster, or to some. Earlier codes and the sessions they opened end."""
    wanted = None if data is None else data.students
    async with once.change(principal.user_id, check=may_edit(exam_id)) as unit:
        await rosters.lock(unit.conn, exam_id)
        enrolled = await rosters.find_on_roster(unit.conn, exam_id, wanted)
        known = {one.username for one in enrolled}
        refuse_any(
            [
                Fault(f"$.students[{index}]", "not on the roster")
                for index, username in enumerate(wanted or ())
                if canonical_username(username) not in known
            ]
        )
        codes = await _give_codes(unit, exam_id, [one.student_id for one in enrolled], settings)
        record_action(unit, request, principal.user_id, "renew_codes", "exam", exam_id, students=len(enrolled))
        return _keep(once, enrolled, codes)


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
    """Remove a student. The code and the sessions for this exam end at once. Recorded data stays."""
    async with change(engine, notifier) as unit:
        await access.require(unit.conn, exam_id, principal.user_id, Permission.EDIT)
        await rosters.lock(unit.conn, exam_id)
        row = await rosters.remove_from_roster(unit.conn, exam_id, student_id)
        if row is None:
            raise NotFound(f"There is no student {student_id} on this roster.")
        await credentials.end_codes(unit.conn, exam_id, [student_id], SessionEnd.LEFT_ROSTER)
        record_action(unit, request, principal.user_id, "leave_roster", "exam", exam_id, student=student_id)
        unit.feed(exam_id, [row])


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[list_roster, preview_roster, extend_roster, renew_codes, leave_roster],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _entrant(row: CsvRow) -> dict[str, Any]:
    """Return a row of a file as the fields of an entrant. Empty ones are left out."""
    return {name: value for name in Entrant.__struct_fields__ if (value := getattr(row, name))}


def _values(entrant: Entrant) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(entrant).items() if value}


def _faults(found: Found, path: Callable[[int, str], str]) -> list[Fault]:
    return [Fault(path(refusal.index, refusal.column), refusal.message) for refusal in found.refusals]


def _registered(found: Found, places: Sequence[str]) -> list[RegisteredStudent]:
    return [
        RegisteredStudent(
            path=places[one.index], username=one.username, name=one.name, registered_name=one.registered_name
        )
        for one in found.self_made
    ]


async def _give_codes(
    unit: Unit, exam_id: UUID, student_ids: Collection[UUID], settings: HubSettings
) -> dict[UUID, str]:
    codes = {student_id: draw_code() for student_id in student_ids}
    hashes = {student_id: hash_exam_code(code, settings.keys.data) for student_id, code in codes.items()}
    await credentials.replace_codes(unit.conn, exam_id, hashes)
    return codes


def _keep(once: Once, enrolled: Sequence[Enrolled], codes: Mapping[UUID, str]) -> list[StudentCode]:
    return once.keep([_with_code(one, codes) for one in enrolled], repeated=[_with_code(one, {}) for one in enrolled])


def _with_code(one: Enrolled, codes: Mapping[UUID, str]) -> StudentCode:
    return StudentCode(student_id=one.student_id, username=one.username, name=one.name, code=codes.get(one.student_id))
