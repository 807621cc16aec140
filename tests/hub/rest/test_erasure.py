"""A person with a marker in every field is erased through REST, and the marker is in no column of no table."""

import io
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from rich.console import Console
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import create_engine
from db.migrations.roles import WORKER
from db.models import (
    AnalysisCursor,
    AttemptAnswer,
    BehaviorAnalysis,
    CommandRecord,
    ExamAttempt,
    Flag,
    Instruction,
    ModelRun,
    StudentProfile,
    User,
)
from db.partitions import partition_of
from db.queries import feed
from db.queries.attempts.end import end_attempt
from db.queries.events.partitions import list_partitions
from db.retention.times import Times
from db.settings import DatabaseSettings
from judgement import grading
from protocol.attempts import InstructionState
from protocol.console import InstructionRow, Row, StudentRow
from protocol.roles import Role
from tests.factories import make_attempt, make_flag, make_user
from tests.hub.conftest import PASSWORD, Caller, Users
from tests.roles import as_role
from tests.seeded_attempts import ending
from tests.workers.history import EVENTS, History, PastAttempt
from veritas.audit import verify
from workers.jobs.retention import Retention

ADA, BOB = "zebramarker", "yakmarker"

_COLUMNS = text(
    """
    SELECT relname, attname, atttypid = 'bytea'::regtype AS is_bytea
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') AND NOT relispartition
      AND attnum > 0 AND NOT attisdropped
    ORDER BY relname, attnum
    """
)
"""Every column of every type of every table and materialized view. A partition is read with its parent."""


async def find_marker(engine: AsyncEngine, marker: str) -> list[str]:
    """Search every column, as text, and bytes also as they are."""
    found = []
    async with engine.connect() as conn:
        for table, column, is_bytea in list(await conn.execute(_COLUMNS)):
            plain = f"""encode("{column}", 'escape')""" if is_bytea else f'"{column}"::text'
            hits = await conn.execute(
                text(f'SELECT count(*) FROM "{table}" WHERE {plain} ILIKE :like'), {"like": f"%{marker}%"}
            )
            if hits.scalar_one():
                found.append(f"{table}.{column}")
    return sorted(found)


NAMES = {
    *("users.username", "users.full_name", "users.email", "student_profiles.enrollment_id", "student_profiles.cohort"),
    *("exam_enrollments.name", "exam_enrollments.email", "exam_enrollments.enrollment_id", "exam_enrollments.cohort"),
}
"""Where the names of a person are."""


class Person(msgspec.Struct, frozen=True):
    user_id: UUID
    attempt_id: UUID
    caller: Caller


class Class:
    """An exam with students who leave a marker everywhere."""

    def __init__(self, users: Users, engine: AsyncEngine, teacher: Caller, admin: Caller, program: Caller) -> None:
        self.users, self.engine, self.teacher, self.admin, self.program = users, engine, teacher, admin, program
        self.exam_id = ""

    async def open(self) -> "Class":
        exam = {"title": "Physics", "duration_minutes": 60, "is_published": True, "enable_monitoring": False}
        self.exam_id = _ok(await self.teacher.post("/exams", exam))["exam_id"]
        items = [{"item": "q1", "kind": "text", "prompt": "Why?", "points": 5}]
        _ok(await self.teacher.put(f"/exams/{self.exam_id}/items", {"items": items}))
        return self

    async def add(self, marker: str) -> Person:
        """Let a student take the exam through the routes, and then add what only workers and consoles write."""
        account = {"username": marker, "name": f"Ada {marker}", "role": "student", "email": f"{marker}@school.example"}
        user_id = UUID(_ok(await self.admin.post("/admin/users", account | {"password": PASSWORD}))["user_id"])
        _ok(await self.admin.patch(f"/admin/users/{user_id}", {"name": f"Ada B. {marker}"}))
        student = {"username": marker, "name": f"Ada {marker}", "email": f"{marker}@roster.example"}
        student |= {"enrollment_id": f"{marker}-2", "cohort": f"{marker}-2025"}
        _ok(await self.teacher.post(f"/exams/{self.exam_id}/roster", {"students": [student]}))
        caller = await self._sign_in(marker)
        attempt_id = UUID(_ok(await caller.post(f"/student/exams/{self.exam_id}/start"))["attempt_id"])
        stream = await self._send_events(caller, attempt_id, marker)
        handed_in = {"answers": [{"item": "q1", "value": f"answered {marker}"}]}
        _ok(await caller.post(f"/student/exams/{attempt_id}/submit", handed_in))
        grades = [{"item": "q1", "points": 3, "comment": f"good, {marker}"}]
        _ok(await self.teacher.post(f"/teacher/attempts/{attempt_id}/grade", {"grades": grades}))
        await self._flag_and_review(attempt_id, stream, marker)
        await self._write_the_rest(user_id, attempt_id, marker)
        return Person(user_id, attempt_id, caller)

    async def _sign_in(self, marker: str) -> Caller:
        caller = Caller(self.users.anonymous.http)
        answer = await caller.post(
            "/auth/login", {"username": marker, "password": PASSWORD}, **{"User-Agent": f"browser of {marker}"}
        )
        caller.tokens = _ok(answer)
        return caller

    async def _send_events(self, caller: Caller, attempt_id: UUID, marker: str) -> str:
        client = {"name": marker, "version": "1"}
        hello: dict[str, Any] = {"attempt_id": str(attempt_id), "boot": str(uuid4()), "client": client}
        hello |= {"acked": 0, "next_seq": 1, "mono": 1, "at": 1}
        stream: str = _ok(await caller.post("/monitor/streams", hello))["stream"]
        kinds: list[tuple[str, dict[str, str]]] = [
            ("draft_saved", {"item": "q1", "text": f"first {marker}"}),
            ("client_error", {"message": f"of {marker}"}),
            ("submitted", {"by": f"a claim of {marker}"}),
            ("answered", {"item": "q1", "value": f"second {marker}"}),
        ]
        events = [{"type": kind, "at": 1, "mono": n, "data": data} for n, (kind, data) in enumerate(kinds, 1)]
        _ok(await caller.post("/monitor/events", {"stream": stream, "first_seq": 1, "events": events}))
        return stream

    async def _flag_and_review(self, attempt_id: UUID, stream: str, marker: str) -> None:
        flag: dict[str, Any] = {"summary": f"like {marker}", "severity": "normal", "confidence": 0.5}
        flag["cited"] = [{"stream_id": stream, "seq": 2}]
        _ok(
            await self.program.post(
                "/analysis/behavior", {"id": str(uuid4()), "attempt_id": str(attempt_id), "flags": [flag]}
            )
        )
        async with self.engine.connect() as conn:
            flag_id = (await conn.execute(select(Flag.id).where(Flag.attempt_id == attempt_id))).scalar_one()
        review = {"id": str(uuid4()), "decision": "dismissed", "seen": "open", "reason": f"known from {marker}"}
        _ok(await self.teacher.post(f"/teacher/flags/{flag_id}/review", review))

    async def _write_the_rest(self, user_id: UUID, attempt_id: UUID, marker: str) -> None:
        """Write what consoles and workers write."""
        exam_id, note = UUID(self.exam_id), f"about {marker}"
        actor = UUID(self.teacher.tokens["user"]["id"])
        async with self.engine.begin() as conn:
            profile = update(StudentProfile).where(StudentProfile.user_id == user_id)
            await conn.execute(profile.values(enrollment_id=f"{marker}-1", cohort=f"{marker}-2026"))
            await conn.execute(update(User).where(User.id == user_id).values(last_login_ip=f"ip {marker}"))
            run: dict[str, Any] = {
                "attempt_id": attempt_id,
                "revision": 1,
                "model": "m",
                "state": "done",
                "input": note,
                "output": note,
            }
            await conn.execute(insert(ModelRun).values(id=uuid7(), error=note, **run))
            command = {"id": uuid7(), "exam_id": exam_id, "actor_id": actor, "action": "message"}
            await conn.execute(insert(CommandRecord).values(result={"text": note}, **command))
            message = {"attempt_id": attempt_id, "n": 1, "action": "message", "body": {"text": note}, "actor_id": actor}
            await conn.execute(insert(Instruction).values(command_id=uuid7(), **message))
            words = {
                "llm_summary": note,
                "error": note,
                "llm_recommendations": [note],
            }
            analysis = update(BehaviorAnalysis).where(BehaviorAnalysis.attempt_id == attempt_id)
            await conn.execute(analysis.values(state="done", originality_indicators=[note], **words))
            cursor = update(AnalysisCursor).where(AnalysisCursor.attempt_id == attempt_id)
            await conn.execute(cursor.values(state=note.encode(), observed={"note": note}))
            rows: list[Row] = [
                StudentRow(user_id, f"Ada {marker}"),
                InstructionRow(
                    attempt_id=attempt_id, n=1, action="message", text=note, state=InstructionState.SENT, code=None
                ),
            ]
            await feed.append(conn, exam_id, rows)


def _ok(answer: Any) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@pytest.fixture
async def students(users: Users, engine: AsyncEngine) -> Class:
    teacher, admin = await users.make(Role.TEACHER, "teacher"), await users.make(Role.ADMIN, "admin")
    key = _ok(await admin.post("/admin/service-keys", {"name": "checker", "scopes": ["analysis"]}))["key"]
    program = Caller(users.anonymous.http)
    program.tokens = {"access_token": key}
    return await Class(users, engine, teacher, admin, program).open()


async def rows_of(engine: AsyncEngine, person: Person) -> Mapping[str, list[str]]:
    """Return the rows of a person in all tables with the attempt or the user, as text.

    Without summaries and the views behind them, whose rows have the time at which they are added up.
    """
    rows: dict[str, list[str]] = {}
    async with engine.connect() as conn:
        tables = await conn.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND column_name IN ('attempt_id', 'student_id', 'user_id') AND table_name !~ '(summary|_now)$'"
            )
        )
        for table, column in list(tables):
            wanted = person.attempt_id if column == "attempt_id" else person.user_id
            found = await conn.execute(
                text(f'SELECT t::text FROM "{table}" AS t WHERE "{column}" = :id ORDER BY 1'), {"id": wanted}
            )
            rows[f"{table}.{column}"] = list(found.scalars())
    return rows


async def test_an_erased_person_is_in_no_table_and_another_person_is_untouched(
    engine: AsyncEngine, students: Class
) -> None:
    ada, bob = await students.add(ADA), await students.add(BOB)
    marked = await find_marker(engine, ADA)
    assert {name.partition(".")[0] for name in marked} >= {
        *("users", "student_profiles", "monitoring_events", "rejected_events", "attempt_answers", "exam_attempts"),
        *("attempt_grades", "flags", "flag_reviews", "model_runs", "behavior_analysis", "analysis_cursors"),
        *("instructions", "commands", "exam_feed"),
    }, marked
    assert set(marked) >= NAMES, marked
    before, marked_of_bob = await rows_of(engine, bob), await find_marker(engine, BOB)
    erased = await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "requested"})
    assert _ok(erased) == {"user_id": str(ada.user_id), "attempts": 1}
    assert await find_marker(engine, ADA) == []
    assert await rows_of(engine, bob) == before
    assert set(marked_of_bob) - set(await find_marker(engine, BOB)) <= {"commands.result"}
    async with engine.connect() as conn:
        for law in await verify.check(conn):
            assert law.breaches == [], law.law
        kept = (await conn.execute(select(ExamAttempt).where(ExamAttempt.id == ada.attempt_id))).one()
        assert (kept.score, kept.receipt, kept.submission_data) == (3, None, None)


async def test_an_erased_person_can_neither_sign_in_nor_go_on(students: Class) -> None:
    ada = await students.add(ADA)
    _ok(await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "left"}))
    assert (
        await students.users.anonymous.post("/auth/login", {"username": ADA, "password": PASSWORD})
    ).status_code == 401
    assert (await ada.caller.get("/student/dashboard")).status_code == 401


async def test_the_answer_to_a_hold_is_forgotten_with_the_person(engine: AsyncEngine, students: Class) -> None:
    ada = await students.add(ADA)
    body = {"attempt_id": str(ada.attempt_id), "reason": f"appeal of {ADA}"}
    hold = _ok(await students.admin.post("/admin/holds", body, **{"Idempotency-Key": "1"}))
    _ok(await students.admin.delete(f"/admin/holds/{hold['hold_id']}"))
    _ok(await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "requested"}))
    assert await find_marker(engine, ADA) == []


async def test_an_erased_person_cannot_be_brought_back(students: Class) -> None:
    ada = await students.add(ADA)
    path = f"/admin/users/{ada.user_id}"
    _ok(await students.admin.post(f"{path}/erase", {"reason": "requested"}))
    for change in ({"is_active": True}, {"name": "Ada Again"}, {"password": PASSWORD}, {"email": "ada@again.example"}):
        assert (await students.admin.patch(path, change)).status_code == 409, change


async def test_a_username_that_looks_erased_prevents_no_erasure(students: Class) -> None:
    ada = await students.add(ADA)
    roster = {"students": [{"username": f"erased-{ada.user_id}", "name": "Someone"}]}
    _ok(await students.teacher.post(f"/exams/{students.exam_id}/roster", roster))
    _ok(await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "requested"}))


async def test_consoles_see_no_name_of_an_erased_reviewer_not_even_a_former_one(
    engine: AsyncEngine, users: Users, students: Class
) -> None:
    students.teacher = await users.make(Role.TEACHER, ADA)
    await students.open()
    await students.add(BOB)
    path = f"/admin/users/{students.teacher.tokens['user']['id']}"
    _ok(await students.admin.patch(path, {"name": "Renamed"}))
    _ok(await students.admin.post(f"{path}/erase", {"reason": "left"}))
    assert await find_marker(engine, ADA) == []


async def test_consoles_see_no_name_of_an_erased_person(engine: AsyncEngine, students: Class) -> None:
    ada = await students.add(ADA)
    _ok(await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "requested"}))
    async with engine.connect() as conn:
        deltas = await feed.read_after(conn, UUID(students.exam_id), 0)
    named = [msgspec.json.decode(delta.body) for delta in deltas if delta.kind == "student"]
    assert {row["name"] for row in named if row["student_id"] == str(ada.user_id)} == {"Erased user"}


async def test_a_running_attempt_is_never_erased_and_a_held_one_only_by_force(
    engine: AsyncEngine, students: Class
) -> None:
    async with engine.begin() as conn:
        student = await make_user(conn)
        attempt_id = await make_attempt(conn, UUID(students.exam_id), student)
        await make_flag(conn, attempt_id)
    path, forced = f"/admin/users/{student}/erase", {"reason": "legal", "force": True}
    assert (await students.admin.post(path, forced)).status_code == 409
    async with engine.begin() as conn:
        await end_attempt(conn, attempt_id, ending(), grading)
    refused = await students.admin.post(path, {"reason": "legal"})
    assert (refused.status_code, "held" in refused.json()["detail"]) == (409, True)
    assert (await students.admin.post(path, forced)).status_code == 200
    assert (await students.admin.post(path, {"reason": "legal"})).status_code == 200, "it can be repeated"


async def test_a_hold_is_placed_listed_and_released(engine: AsyncEngine, students: Class) -> None:
    ada = await students.add(ADA)
    body = {"attempt_id": str(ada.attempt_id), "reason": "an appeal", "until": 4_000_000_000_000}
    hold = _ok(await students.admin.post("/admin/holds", body))
    assert (hold["reason"], hold["placed_by"]) == ("an appeal", "admin")
    assert _ok(await students.admin.get("/admin/holds"))["items"] == [hold]
    assert _ok(await students.admin.get("/admin/holds", attempt_id=str(uuid4())))["items"] == []
    assert (await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "left"})).status_code == 409
    _ok(await students.admin.delete(f"/admin/holds/{hold['hold_id']}"))
    assert _ok(await students.admin.get("/admin/holds"))["items"] == []


async def test_a_hold_that_is_over_already_is_refused(students: Class) -> None:
    ada = await students.add(ADA)
    for until in (0, 1_800_000_000):  # the second is a time in seconds
        body = {"attempt_id": str(ada.attempt_id), "reason": "an appeal", "until": until}
        refused = await students.admin.post("/admin/holds", body)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "$.until")


async def test_an_exam_is_deleted_with_everything_of_it(engine: AsyncEngine, students: Class) -> None:
    await students.add(ADA)
    assert (await students.teacher.delete(f"/exams/{students.exam_id}")).status_code == 204
    assert (await students.teacher.get(f"/exams/{students.exam_id}")).status_code == 404
    async with engine.connect() as conn:
        for model in (ExamAttempt, AttemptAnswer, Flag, CommandRecord):
            assert (await conn.execute(select(model))).first() is None
        for law in await verify.check(conn):
            assert law.breaches == [], law.law


@pytest.fixture
async def as_worker(owner_database: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(as_role(WORKER, owner_database))
    yield engine
    await engine.dispose()


async def test_after_three_months_events_are_gone_evidence_is_shown_and_an_erased_person_is_in_no_table(
    engine: AsyncEngine, as_worker: AsyncEngine, students: Class
) -> None:
    ada, bob = await students.add(ADA), await students.add(BOB)
    history = await History(engine).open(UUID(students.teacher.tokens["user"]["id"]))
    days = {days_ago: await history.add(days_ago) for days_ago in range(1, 93) if days_ago not in {50, 60, 70}}
    bobs, adas = await history.add(60, student_id=bob.user_id), await history.add(50, student_id=ada.user_id)
    held = await history.add(70, flag="open")
    await history.add_late_answer(bobs, 6, "too late")
    async with engine.begin() as conn:
        await conn.execute(text("SELECT refresh_summary_views()"))
    before = _ok(await students.teacher.get(f"/teacher/attempts/{bobs.attempt_id}/monitoring"))
    assert before["total_events"] == EVENTS + 1
    numbers = _ok(await bob.caller.get(f"/student/exams/{bobs.attempt_id}/answers"))["items"]

    deleted = await Retention(as_worker, Times(events=30, reviews=180, answers=365, addresses=90)).run()

    past = [attempt for days_ago, attempt in days.items() if days_ago >= 30]
    assert deleted is not None
    assert (deleted["events"], deleted["held"]) == (len(past) + 2, 1)
    async with engine.connect() as conn:
        partitions = set(await list_partitions(conn))
    assert not partitions & {partition_of(attempt.day).name for attempt in [*past, bobs, adas]}
    kept = [held, *(days[days_ago] for days_ago in range(1, 30))]
    assert partitions >= {partition_of(attempt.day).name for attempt in kept}
    await _check_evidence(students, bob, before, bobs)
    assert _ok(await bob.caller.get(f"/student/exams/{bobs.attempt_id}/answers"))["items"] == numbers[1:]

    assert set(await find_marker(engine, ADA)) >= NAMES
    _ok(await students.admin.post(f"/admin/users/{ada.user_id}/erase", {"reason": "requested"}))
    async with engine.begin() as conn:
        await conn.execute(text("SELECT refresh_summary_views()"))
    assert await find_marker(engine, ADA) == []
    out = Console(width=160, record=True, file=io.StringIO())
    assert await verify.run(engine, out) == 0, out.export_text()
    assert f"past retention: {len(past) + 3} attempts whose events are deleted" in out.export_text()


async def _check_evidence(students: Class, bob: Person, before: Any, past: PastAttempt) -> None:
    """Check that the teacher and the student still see what a flag cites, though no event is left."""
    shown = _ok(await students.teacher.get(f"/teacher/attempts/{past.attempt_id}/monitoring"))
    assert (shown["total_events"], shown["flags"]) == (0, before["flags"])
    flag = _ok(await students.teacher.get(f"/teacher/flags/{past.flag_id}"))
    [cited] = flag["evidence"]["events"]
    assert (cited["type"], cited["data"]) == ("paste", {"chars": 300, "item": "q1"})
    own = _ok(await bob.caller.get("/student/me/data"))
    [finding] = [one for one in own["findings"] if one["attempt_id"] == str(past.attempt_id)]
    assert finding["evidence"]["events"][0]["data"] == {"chars": 300, "item": "q1"}
    answers = [one["value"] for one in own["answers"] if one["attempt_id"] == str(past.attempt_id)]
    assert sorted(answers) == ["third", "too late"]
