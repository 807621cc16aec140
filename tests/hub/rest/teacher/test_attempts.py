import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Flag
from protocol.flags import FlagStatus, Severity
from protocol.roles import Permission
from tests.hub.rest.teacher.conftest import Classroom


async def test_attempts_are_listed_by_their_numbers_page_by_page(classroom: Classroom) -> None:
    made = [str(await classroom.start_attempt(f"Student {number}")) for number in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/attempts", limit=2, **after)).json()
        seen += [attempt["attempt_id"] for attempt in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == made


async def test_an_attempt_in_the_list_has_its_results_and_open_flags(classroom: Classroom, engine: AsyncEngine) -> None:
    attempt_id = await classroom.start_attempt("Eve Example")
    await classroom.flag(attempt_id)
    await classroom.flag(attempt_id, severity=Severity.NORMAL)
    dismissed = await classroom.flag(attempt_id)
    async with engine.begin() as conn:
        await conn.execute(update(Flag).where(Flag.id == dismissed).values(status=FlagStatus.DISMISSED))
    await classroom.end(
        attempt_id,
        score=4.5,
        max_score=10,
        percentage=45,
        passed=False,
        integrity_score=0.5,
        coverage=0.9,
        lmi=20,
        dropout_label="incapable",
        flagged=True,
        grade_final_at=datetime.now(UTC),
    )
    (line,) = (await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/attempts")).json()["items"]
    assert isinstance(line.pop("started_at"), int)
    assert isinstance(line.pop("completed_at"), int)
    assert line == {
        "attempt_id": str(attempt_id),
        "exam_id": str(classroom.exam_id),
        "title": "Physics",
        "events_deleted_at": None,
        "student_id": line["student_id"],
        "name": "Eve Example",
        "ix": 1,
        "status": "submitted",
        "score": 4.5,
        "max_score": 10.0,
        "percentage": 45.0,
        "passed": False,
        "grade_final": True,
        "integrity": 0.5,
        "coverage": 0.9,
        "lmi": 20.0,
        "dropout_label": "incapable",
        "flagged": True,
        "open_flags": 1,
    }


async def test_attempts_need_a_permission(classroom: Classroom) -> None:
    path = f"/teacher/exams/{classroom.exam_id}/attempts"
    await classroom.check_permissions(path, without=[Permission.VIEW])
    viewer = await classroom.teacher_with(Permission.VIEW)
    assert (await viewer.get(path)).json() == {"items": [], "next": None}
    assert (await viewer.get(f"/teacher/exams/{uuid4()}/attempts")).status_code == 404


@pytest.mark.parametrize("number", [-1, 2**31, 2**63, 10**30])
async def test_a_cursor_beyond_all_numbers_is_rejected(classroom: Classroom, number: int) -> None:
    attempt_id = await classroom.start_attempt()
    stream_id = await classroom.record(attempt_id)
    exam = f"/teacher/exams/{classroom.exam_id}"
    for path, key in (
        (f"{exam}/attempts", str(number)),
        (f"{exam}/analytics", str(number)),
        (f"/teacher/attempts/{attempt_id}/monitoring", f'[["{stream_id}",{number}]]'),
    ):
        after = base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()
        answer = await classroom.teacher.get(path, after=after)
        if path.endswith("/monitoring") and 0 <= number < 2**63:
            assert answer.status_code == 200
            continue
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), path
        assert [fault["path"] for fault in answer.json()["errors"]] == ["query.after"]
