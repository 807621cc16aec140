from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AttemptGrade, Exam, ExamItem, Flag
from protocol.flags import FlagStatus
from protocol.roles import Permission
from tests.hub.rest.teacher.conftest import Classroom


async def read(classroom: Classroom, **params: Any) -> dict[str, Any]:
    answer = await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/analytics", **params)
    assert answer.is_success, answer.text
    analytics: dict[str, Any] = answer.json()
    return analytics


async def sit_some(classroom: Classroom) -> list[UUID]:
    """Create three attempts that have ended and one that is running."""
    attempts = [await classroom.start_attempt(f"Student {number}") for number in range(4)]
    reached: tuple[dict[str, Any], ...] = (
        {"percentage": 90, "passed": True, "integrity_score": 1.0, "lmi": 80, "dropout_label": "safe"},
        {"percentage": 30, "passed": False, "integrity_score": 0.2, "lmi": 20, "dropout_label": "copy"},
        {"percentage": 100, "passed": True, "flagged": True},
    )
    for attempt_id, values in zip(attempts, reached, strict=False):
        await classroom.end(attempt_id, **values)
    return attempts


async def test_an_exam_without_attempts_has_no_averages(classroom: Classroom) -> None:
    seen = await read(classroom)
    assert seen["exam"]["title"] == "Physics"
    assert isinstance(seen["analytics"].pop("as_of"), int)
    assert seen["analytics"] == {
        "total_attempts": 0,
        "average_score": None,
        "pass_rate": None,
        "high_risk_count": 0,
        "average_integrity": None,
        "average_lmi": None,
        "flagged": 0,
    }
    assert (seen["students"], seen["next"], seen["items"], seen["rules"]) == ([], None, [], [])
    assert sum(part["count"] for part in seen["score_distribution"]) == 0


async def test_figures_are_live_until_the_first_refresh_of_the_view(classroom: Classroom, engine: AsyncEngine) -> None:
    attempts = await sit_some(classroom)

    def check(seen: dict[str, Any]) -> None:
        figures = seen["analytics"]
        assert figures["total_attempts"] == 3
        assert figures["average_score"] == pytest.approx(220 / 3)
        assert figures["pass_rate"] == pytest.approx(200 / 3)
        assert (figures["high_risk_count"], figures["flagged"]) == (1, 1)
        assert figures["average_integrity"] == pytest.approx(0.6)
        assert figures["average_lmi"] == pytest.approx(50)
        assert seen["risk_distribution"] == {"safe": 1, "incapable": 0, "copy": 1, "no_interest": 0, "unknown": 1}

    check(await read(classroom))
    async with engine.begin() as conn:
        await conn.execute(text("SELECT refresh_summary_views()"))
    await classroom.end(attempts[3], percentage=0)
    check(await read(classroom))


async def test_distributions_hold_every_attempt_once_both_ends_included(classroom: Classroom) -> None:
    await sit_some(classroom)
    seen = await read(classroom)
    scores = {(part["from"], part["to"]): part["count"] for part in seen["score_distribution"]}
    assert len(scores) == 10
    assert {part: count for part, count in scores.items() if count} == {(30, 40): 1, (90, 100): 2}
    integrity = [part["count"] for part in seen["integrity_distribution"]]
    assert integrity == [0, 0, 1, 0, 0, 0, 0, 0, 0, 1]


async def test_items_have_the_number_of_answers_and_the_points(classroom: Classroom, engine: AsyncEngine) -> None:
    first, second, running, _ = [await classroom.start_attempt(f"Student {number}") for number in range(4)]
    await classroom.end(first, submission_data={"responses": {"q1": "a", "q2": "b"}})
    await classroom.end(second, submission_data={"responses": {"q1": "c"}})
    async with engine.begin() as conn:
        await conn.execute(update(Exam).where(Exam.id == classroom.exam_id).values(items_version=2))
        for version, position, item in ((1, 1, "q0"), (2, 1, "q1"), (2, 2, "q2")):
            await conn.execute(
                insert(ExamItem).values(
                    exam_id=classroom.exam_id,
                    version=version,
                    item=item,
                    position=position,
                    kind="text",
                    prompt=f"Why {item}?",
                    points=4,
                )
            )
        for attempt_id, points in ((first, 4), (second, 1), (running, 0)):
            await conn.execute(insert(AttemptGrade).values(attempt_id=attempt_id, item="q1", points=points))
    assert (await read(classroom))["items"] == [
        {"item": "q1", "prompt": "Why q1?", "points": 4.0, "answered": 2, "average_points": 2.5},
        {"item": "q2", "prompt": "Why q2?", "points": 4.0, "answered": 1, "average_points": None},
    ]


async def test_precision_is_the_share_of_confirmed_decisions(classroom: Classroom, engine: AsyncEngine) -> None:
    attempt_id = await classroom.start_attempt()
    statuses = [*[FlagStatus.CONFIRMED] * 8, *[FlagStatus.DISMISSED] * 2, FlagStatus.ESCALATED, FlagStatus.OPEN]
    for status in statuses:
        flag_id = await classroom.flag(attempt_id)
        async with engine.begin() as conn:
            await conn.execute(update(Flag).where(Flag.id == flag_id).values(status=status))
    await classroom.flag(attempt_id, rule="left_fullscreen")
    unknown, known = (await read(classroom))["rules"]
    assert known == {
        "rule": "left_page",
        "name": "left the page",
        "raised": 12,
        "confirmed": 8,
        "dismissed": 2,
        "open": 2,
        "precision": 0.8,
        "low": pytest.approx(0.4902, abs=1e-4),
        "high": pytest.approx(0.9433, abs=1e-4),
    }
    assert (unknown["precision"], unknown["low"], unknown["high"]) == (None, 0, 1)


async def test_attempts_are_paged_with_the_figures(classroom: Classroom) -> None:
    made = [str(await classroom.start_attempt(f"Student {number}")) for number in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await read(classroom, limit=2, **after)
        seen += [attempt["attempt_id"] for attempt in page["students"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == made


async def test_figures_need_the_analytics_permission(classroom: Classroom) -> None:
    path = f"/teacher/exams/{classroom.exam_id}/analytics"
    await classroom.check_permissions(path, without=[Permission.VIEW_ANALYTICS])
    analyst = await classroom.teacher_with(Permission.VIEW_ANALYTICS)
    assert (await analyst.get(path)).is_success
    assert (await analyst.get(f"/teacher/exams/{uuid4()}/analytics")).status_code == 404
