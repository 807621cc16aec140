"""A student downloads everything about oneself, and nothing about others or ahead of its time."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.models import AuditLog, Exam, ExamItem, ModelRun, StudentProfile
from db.queries.student.own_data import SECTIONS
from hub.rest.student.own_data import HEADINGS
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_flag, make_stream, make_user, store_events
from tests.hub.conftest import Caller, Users

TEXT = "<script>alert(1)</script> & my answer"


class Own(msgspec.Struct, frozen=True):
    caller: Caller
    exam_id: UUID
    attempt_id: UUID


@pytest.fixture
async def ada(users: Users, engine: AsyncEngine) -> Own:
    caller = await users.make(Role.STUDENT, "ada")
    async with engine.begin() as conn:
        exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
        item = {"exam_id": exam_id, "version": 1, "item": "q1", "position": 1, "kind": "text", "points": 1}
        await conn.execute(insert(ExamItem).values(item | {"prompt": "Why?", "answer_key": "the secret key"}))
        attempts = []
        for student, note in ((UUID(caller.tokens["user"]["id"]), TEXT), (await make_user(conn), "of another student")):
            attempt_id = await make_attempt(conn, exam_id, student)
            stream_id = await make_stream(conn, attempt_id)
            await store_events(conn, stream_id, [("draft_saved", {"item": "q1", "text": note}, n) for n in range(1, 4)])
            await make_flag(conn, attempt_id)
            run = {"attempt_id": attempt_id, "revision": 1, "model": "m", "state": "done"}
            await conn.execute(insert(ModelRun).values(id=uuid7(), input=f"asked about {note}", output="said", **run))
            attempts.append(attempt_id)
        await conn.execute(update(StudentProfile).values(enrollment_id="E-1", current_dropout_risk="copy"))
    return Own(caller, exam_id, attempts[0])


async def download(own: Own) -> dict[str, Any]:
    answer = await own.caller.get("/student/me/data")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="veritas-data.json"'
    data: dict[str, Any] = msgspec.json.decode(answer.content)
    return data


async def test_it_has_every_section(ada: Own) -> None:
    data = await download(ada)
    assert set(data) == {"written_at", "withheld", "events", *SECTIONS}
    assert set(HEADINGS) == {"events", *SECTIONS}
    assert data["account"][0]["enrollment_id"] == "E-1"
    assert data["sessions"]
    assert [attempt["attempt_id"] for attempt in data["attempts"]] == [str(ada.attempt_id)]
    drafts = [event for event in data["events"] if event["event_type"] == "draft_saved"]
    assert [event["data_payload"]["text"] for event in drafts] == [TEXT] * 3


async def test_it_has_no_key_no_label_and_nothing_of_another_student(ada: Own) -> None:
    written = (await ada.caller.get("/student/me/data")).text
    for hidden in ("the secret key", "of another student", "copy", "password"):
        assert hidden not in written


async def test_findings_and_model_runs_wait_for_the_release_and_it_says_so(ada: Own, engine: AsyncEngine) -> None:
    before = await download(ada)
    assert (before["findings"], before["model_runs"]) == ([], [])
    assert "(1 now)" in before["withheld"]
    assert "(1 attempts now)" in before["withheld"]
    async with engine.begin() as conn:
        await conn.execute(update(Exam).values(results_released_at=Exam.created_at))
    after = await download(ada)
    assert [flag["rule"] for flag in after["findings"]] == ["left_page"]
    assert after["model_runs"][0]["input"] == f"asked about {TEXT}"


async def test_the_page_runs_nothing_and_loads_nothing(ada: Own) -> None:
    answer = await ada.caller.get("/student/me/data", format="html")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    for heading in HEADINGS.values():
        assert f"<h2>{heading}</h2>" in answer.text


async def test_every_download_is_audited(ada: Own, engine: AsyncEngine) -> None:
    await download(ada)
    async with engine.connect() as conn:
        actions = (await conn.execute(select(AuditLog.action))).scalars().all()
    assert "download_data" in actions


async def test_a_code_downloads_the_data_of_its_exam_only(users: Users, ada: Own) -> None:
    teacher = await users.make(Role.TEACHER, "teacher")
    exam = {"title": "Latin", "duration_minutes": 90, "is_published": True}
    latin = (await teacher.post("/exams", exam)).json()["exam_id"]
    roster = await teacher.post(f"/exams/{latin}/roster", {"students": [{"username": "ada", "name": "Ada"}]})
    by_code = await users.sign_in_by_code(roster.json()[0]["code"])
    data = (await by_code.get("/student/me/data")).json()
    assert [row["exam_id"] for row in data["exams"]] == [latin]
    assert (data["attempts"], data["events"]) == ([], [])
