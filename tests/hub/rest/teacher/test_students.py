from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import PerformanceMetric
from protocol.roles import Permission, Role
from tests.factories import make_user
from tests.hub.conftest import Caller
from tests.hub.rest.teacher.conftest import Classroom, user_id_of


@pytest.fixture
async def ada(engine: AsyncEngine) -> UUID:
    async with engine.begin() as conn:
        return await make_user(conn, name="Ada Example")


async def measure(engine: AsyncEngine, student: UUID, **values: object) -> None:
    async with engine.begin() as conn:
        await conn.execute(insert(PerformanceMetric).values(student_id=student, **values))


async def flagged(caller: Caller, **params: Any) -> list[dict[str, Any]]:
    answer = await caller.get("/teacher/flagged-students", **params)
    assert answer.is_success, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_record_has_profile_attempts_and_figures(classroom: Classroom, engine: AsyncEngine, ada: UUID) -> None:
    attempt_id = await classroom.start_attempt(student=ada)
    await measure(
        engine, ada, total_exams=1, avg_score=45, current_risk_label="incapable", flagged_for_intervention=True
    )
    seen = (await classroom.teacher.get(f"/teacher/students/{ada}")).json()
    assert (seen["profile"]["user_id"], seen["profile"]["name"]) == (str(ada), "Ada Example")
    assert [attempt["attempt_id"] for attempt in seen["attempts"]] == [str(attempt_id)]
    assert (seen["metrics"]["total_exams"], seen["metrics"]["avg_score"]) == (1, 45)
    assert seen["risk"] == {"label": "incapable", "flagged": True}
    assert await classroom.audit_rows("read_student") == [(user_id_of(classroom.teacher), str(ada))]


async def test_a_student_without_figures_has_no_risk(classroom: Classroom, ada: UUID) -> None:
    await classroom.start_attempt(student=ada)
    seen = (await classroom.teacher.get(f"/teacher/students/{ada}")).json()
    assert (seen["metrics"], seen["risk"]) == (None, {"label": None, "flagged": False})


async def test_a_record_has_nothing_about_exams_the_reader_cannot_see(
    classroom: Classroom, engine: AsyncEngine, ada: UUID
) -> None:
    other = await classroom.teacher_with(name="other")
    elsewhere = await classroom.make_exam(other)
    hidden = await classroom.start_attempt(exam_id=elsewhere, student=ada)
    await measure(engine, ada, total_exams=2, current_risk_label="copy", flagged_for_intervention=True)
    assert (await classroom.teacher.get(f"/teacher/students/{ada}")).status_code == 404
    shown = await classroom.start_attempt(student=ada)
    seen = (await classroom.teacher.get(f"/teacher/students/{ada}")).json()
    assert [attempt["attempt_id"] for attempt in seen["attempts"]] == [str(shown)]
    # Figures over all exams would tell of the others.
    assert (seen["metrics"], seen["risk"]["label"]) == (None, None)
    admin = await classroom.users.make(Role.ADMIN, "root")
    whole = (await admin.get(f"/teacher/students/{ada}")).json()
    assert [attempt["attempt_id"] for attempt in whole["attempts"]] == [str(shown), str(hidden)]
    assert whole["risk"] == {"label": "copy", "flagged": True}


async def test_only_students_have_records(classroom: Classroom) -> None:
    for student_id in (uuid4(), user_id_of(classroom.teacher)):
        assert (await classroom.teacher.get(f"/teacher/students/{student_id}")).status_code == 404
    student = await classroom.users.make(Role.STUDENT, "ada")
    assert (await student.get(f"/teacher/students/{user_id_of(student)}")).status_code == 403


async def test_students_at_risk_or_flagged_need_attention(classroom: Classroom, engine: AsyncEngine, ada: UUID) -> None:
    well, risky, watched = [await classroom.start_attempt(name) for name in ("Well", "Risky", "Watched")]
    await classroom.end(well, dropout_label="safe")
    await classroom.end(risky, dropout_label="copy")
    await classroom.end(watched, flagged=True)
    await classroom.end(await classroom.start_attempt(student=ada), dropout_label="safe")
    await measure(engine, ada, current_risk_label="incapable", flagged_for_intervention=True)
    listed = {student["name"]: student for student in await flagged(classroom.teacher)}
    assert set(listed) == {"Risky", "Watched", "Ada Example"}
    assert (listed["Risky"]["attempts"], listed["Risky"]["high_risk"]) == (1, 1)
    assert listed["Ada Example"]["current_risk_label"] == "incapable"
    assert listed["Ada Example"]["flagged_for_intervention"] is True
    assert isinstance(listed["Watched"]["last_attempt_at"], int)


async def test_students_who_need_attention_are_paged(classroom: Classroom) -> None:
    for number in range(5):
        await classroom.end(await classroom.start_attempt(f"Student {number}"), flagged=True)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await classroom.teacher.get("/teacher/flagged-students", limit=2, **after)).json()
        seen += [student["name"] for student in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == [f"Student {number}" for number in range(5)]


async def test_each_teacher_sees_only_exams_with_the_analytics_permission(
    classroom: Classroom, engine: AsyncEngine, ada: UUID
) -> None:
    other = await classroom.teacher_with(name="other")
    elsewhere = await classroom.make_exam(other)
    await classroom.end(await classroom.start_attempt(exam_id=elsewhere, student=ada), dropout_label="copy")
    await classroom.end(await classroom.start_attempt(student=ada), dropout_label="safe")
    await measure(engine, ada, current_risk_label="copy", flagged_for_intervention=True)
    assert await flagged(classroom.teacher) == []
    (of_other,) = await flagged(other)
    assert (of_other["attempts"], of_other["high_risk"]) == (1, 1)
    assert (of_other["current_risk_label"], of_other["flagged_for_intervention"]) == (None, False)
    assert await flagged(other, exam_id=elsewhere) == [of_other]
    viewer = await classroom.teacher_with(Permission.VIEW)
    assert await flagged(viewer) == []
    assert (await viewer.get("/teacher/flagged-students", exam_id=classroom.exam_id)).status_code == 403
    assert (await viewer.get("/teacher/flagged-students", exam_id=elsewhere)).status_code == 404


async def test_an_administrators_list_is_live_until_the_first_refresh_of_the_view(
    classroom: Classroom, engine: AsyncEngine, ada: UUID
) -> None:
    admin = await classroom.users.make(Role.ADMIN, "root")
    await classroom.end(await classroom.start_attempt(student=ada), dropout_label="copy")
    before = await flagged(admin)
    assert [student["name"] for student in before] == ["Ada Example"]
    async with engine.begin() as conn:
        await conn.execute(text("SELECT refresh_summary_views()"))
    await classroom.end(await classroom.start_attempt("Later"), dropout_label="copy")
    assert await flagged(admin) == before
