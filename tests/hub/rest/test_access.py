"""The access matrix: every route and every command, called by every kind of caller over the wire."""

import importlib
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from db.models import AuditLog, Exam
from hub.app import create_app
from hub.auth.passwords import Passwords
from hub.commands.commands import REQUIRED
from hub.pages.site import Site
from hub.settings import HubSettings
from hub.timing import Timing
from protocol import console, monitor
from protocol.codec import Encoding, encode
from protocol.codes import ErrorCode
from tests.hub.conftest import MANY_HELLOS, Users
from tests.hub.consoles import ConsoleClient
from tests.hub.rest.access.console import BOARD_VIEWERS, CLOSED, COMMANDS, WELCOME
from tests.hub.rest.access.rows import (
    ADMIN,
    CALLERS,
    CREATOR,
    OTHER_STUDENT,
    STRANGER,
    STUDENT,
    Call,
    Row,
)
from tests.hub.rest.access.setup import AccessSetup

FOLDER = Path(__file__).parent / "access"
TABLES = {
    path.stem: rows
    for path in sorted(FOLDER.glob("*.py"))
    if (rows := getattr(importlib.import_module(f"tests.hub.rest.access.{path.stem}"), "ROWS", None))
}
ROWS: list[Row] = [row for rows in TABLES.values() for row in rows]

AUDIT = {"audit_logs", "audit_sources"}
OF_THE_HUB = {"hub_leases"}
"""What a hub renews by itself at any time."""

STAFF = (STRANGER, CREATOR, ADMIN)


@pytest.fixture
def app(settings: HubSettings, passwords: Passwords, tmp_path: Path) -> Litestar:
    for page in ("console", "exam", "docs"):
        (tmp_path / page).mkdir()
        (tmp_path / page / "index.html").write_text(page)
    (tmp_path / "assets").mkdir()
    return create_app(settings, passwords=passwords, site=Site(tmp_path), timing=Timing(quotas=MANY_HELLOS))


@pytest.fixture
async def setup(users: Users, engine: AsyncEngine) -> AccessSetup:
    return await AccessSetup(users, engine).open()


async def prepare_call(setup: AccessSetup, row: Row, name: str) -> Callable[[], Awaitable[httpx.Response]]:
    """Create what the call of a route by one caller needs; return the call."""
    caller = await setup.new_session(name) if row.in_new_session else setup.callers[name]
    call = Call() if row.fill is None else await row.fill(setup, name)
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: str({**setup.ids, **call.params}[match[1]]), row.path)
    return partial(caller.request, row.method, path, call.body, call.query)


async def call_route(setup: AccessSetup, row: Row, name: str) -> str | None:
    """Call a route as one caller; return what is wrong with the answer, or None."""
    answer = await (await prepare_call(setup, row, name))()
    if answer.status_code != row.expect[name]:
        return f"{row.route} to {name}: {answer.status_code}, not {row.expect[name]}: {answer.text[:200]}"
    leaked = [key for key in ("exam_id", "attempt_id", "flag_id", "stream_id") if str(setup.ids[key]) in answer.text]
    if answer.is_success and name in (STRANGER, OTHER_STUDENT) and leaked:
        return f"{row.route} shows {leaked} to {name}"
    return None


async def count_audited(setup: AccessSetup) -> int:
    """Count the audit rows with an address."""
    async with setup.engine.connect() as conn:
        return int((await conn.execute(select(func.count()).where(AuditLog.ip.is_not(None)))).scalar_one())


async def read_versions(setup: AccessSetup) -> dict[str, str]:
    """Return for each table a digest that differs after any change of a row."""
    async with setup.engine.connect() as conn:
        tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        names = await conn.execute(text(f"{tables} AND relnamespace = 'public'::regnamespace"))
        digest = "md5(string_agg(tableoid || ' ' || ctid || ' ' || xmin, ',' ORDER BY tableoid, ctid))"
        each = [f"SELECT '{name}', {digest} FROM {name}" for name in names.scalars() if name not in OF_THE_HUB]
        return {row[0]: row[1] for row in await conn.execute(text(" UNION ALL ".join(each)))}


async def find_changes(setup: AccessSetup, row: Row, name: str) -> set[str]:
    """Call a route as one caller; return the tables whose rows changed meanwhile."""
    call = await prepare_call(setup, row, name)
    before = await read_versions(setup)
    assert (await call()).status_code == row.expect[name]
    after = await read_versions(setup)
    return {table for table in after if after[table] != before[table]}


@pytest.mark.parametrize("table", TABLES)
async def test_a_get_changes_nothing_but_the_audit_log(setup: AccessSetup, table: str) -> None:
    wrong = []
    for row in (row for row in TABLES[table] if row.method == "GET"):
        for name in (name for name in CALLERS if row.expect.get(name, 404) < 400):
            changed = await find_changes(setup, row, name)
            # Not all callers of an audited route see what is audited.
            if changed - (AUDIT if row.is_audited else set()):
                wrong.append(f"{row.route} by {name}: {sorted(changed)}")
    assert wrong == []


async def test_reading_the_paper_of_a_monitored_exam_changes_nothing_but_its_record(setup: AccessSetup) -> None:
    waiver = {"id": str(uuid4()), "reason": "the network blocks sockets"}
    path = f"/teacher/attempts/{setup.attempt_id}/waiver"
    assert (await setup.callers[CREATOR].post(path, waiver)).is_success
    (row,) = (row for row in ROWS if row.route == "GET /student/exams/{attempt_id:uuid}")
    assert await find_changes(setup, row, STUDENT) == {"monitoring_events"}
    assert await find_changes(setup, row, STUDENT) == set()


async def test_the_law_of_reads_sees_a_change(setup: AccessSetup) -> None:
    (row,) = (row for row in ROWS if row.route == "PATCH /exams/{exam_id:uuid}")
    assert {"exams", *AUDIT} <= await find_changes(setup, row, CREATOR)


@pytest.mark.parametrize("table", TABLES)
async def test_every_route_answers_every_caller_as_its_row_says(setup: AccessSetup, table: str) -> None:
    wrong = []
    for row in TABLES[table]:
        before = await count_audited(setup)
        answers = [await call_route(setup, row, caller) for caller in CALLERS if caller in row.expect]
        wrong += [answer for answer in answers if answer is not None]
        if row.is_audited and await count_audited(setup) == before:
            wrong.append(f"{row.route} leaves no audit row with an address")
    assert wrong == []


async def test_a_teacher_who_signed_in_by_exam_code_reaches_nothing_of_staff(setup: AccessSetup) -> None:
    """Not even the own exam: such a session is that of a student of the other teacher's exam."""
    student = {"username": setup.usernames[STRANGER], "name": "A Teacher"}
    (enrolled,) = (await setup.callers[CREATOR].post(f"/exams/{setup.exam_id}/roster", {"students": [student]})).json()
    assert enrolled["student_id"] == str(setup.user_id(STRANGER))
    by_code = await setup.users.sign_in_by_code(enrolled["code"])
    wrong, tried = [], 0
    for row in ROWS:
        if row.expect.get(STUDENT) != 403 or not any(row.expect.get(name, 403) < 300 for name in STAFF):
            continue
        # A row may hide the exam for a caller who publishes it.
        async with setup.engine.begin() as conn:
            await conn.execute(update(Exam).values(is_published=True))
        call = Call() if row.fill is None else await row.fill(setup, STRANGER)
        ids = {**setup.ids, **setup.other_exam, **call.params}
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match, ids=ids: str(ids[match[1]]), row.path)  # type: ignore[misc]
        answer = await by_code.request(row.method, path, call.body, call.query)
        tried += 1
        if answer.status_code != 403:
            wrong.append(f"{row.route}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    assert tried > 30
    assert (await setup.callers[STRANGER].get(f"/exams/{setup.other_exam['exam_id']}")).status_code == 200


def routes_of(app: Litestar) -> Iterator[str]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from (f"{method} {route.path}" for method in route.methods if method != "OPTIONS")


def test_every_route_of_the_hub_has_rows_for_all_callers_and_no_row_is_left_over(app: Litestar) -> None:
    named: dict[str, set[str]] = defaultdict(set)
    for row in ROWS:
        named[row.route] |= row.expect.keys()
    assert set(routes_of(app)) == set(named)
    assert {route: set(CALLERS) - callers for route, callers in named.items() if set(CALLERS) - callers} == {}


def test_every_socket_and_every_command_has_a_row(app: Litestar) -> None:
    assert {route.path for route in app.routes if not isinstance(route, HTTPRoute)} == set(CLOSED)
    assert {command_row.action: command_row.permission for command_row in COMMANDS} == REQUIRED


def token_of(setup: AccessSetup, caller: str) -> str:
    return str(setup.callers[caller].tokens.get("access_token", "no token"))


def hello_to(path: str, setup: AccessSetup, caller: str) -> console.Hello | monitor.Hello:
    if path == "/ws/console":
        return console.Hello(token=token_of(setup, caller))
    return monitor.Hello(
        token=token_of(setup, caller),
        attempt_id=setup.attempt_id,
        boot=uuid4(),
        acked=0,
        next_seq=1,
        client=monitor.Client("test", "1"),
        mono=1,
        at=1,
    )


@pytest.mark.parametrize("path", CLOSED)
async def test_a_socket_opens_only_for_its_roles(setup: AccessSetup, url: str, path: str) -> None:
    found: dict[str, int | None] = {}
    for caller in CALLERS:
        async with connect(url.replace("http", "ws", 1) + path) as socket:
            await socket.send(encode(hello_to(path, setup, caller), Encoding.JSON))
            try:
                await socket.recv()
            except ConnectionClosed:
                found[caller] = socket.close_code
            else:
                found[caller] = None
    assert found == CLOSED[path]


async def test_commands_need_their_permission(setup: AccessSetup, url: str) -> None:
    wrong: list[tuple[str, str, object]] = []
    for caller in WELCOME:
        async with connect(url.replace("http", "ws", 1) + "/ws/console") as socket:
            client = ConsoleClient(socket)
            await client.send(console.Hello(token=token_of(setup, caller)))
            await client.receive(console.Welcome)
            for command_row in COMMANDS:
                content = await command_row.arguments(setup)
                command = console.Command(id=uuid4(), exam_id=setup.exam_id, action=command_row.action, **content)
                await client.send(command)
                result = await client.receive(console.Result)
                code = None if command_row.is_for(caller) else ErrorCode.FORBIDDEN
                if result.code != code:
                    wrong.append((caller, command_row.action, result))
            await client.send(console.Watch(setup.exam_id))
            shown = isinstance(await client.next(), console.Snapshot)
            if shown is not (caller in BOARD_VIEWERS):
                wrong.append((caller, "watch", shown))
    assert wrong == []
    async with setup.engine.connect() as conn:
        given = select(func.count()).where(AuditLog.action.in_(list(REQUIRED)), AuditLog.ip.is_not(None))
        assert (await conn.execute(given)).scalar_one() == sum(
            command_row.is_for(caller) for caller in WELCOME for command_row in COMMANDS
        )
