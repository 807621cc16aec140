import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, ExamAttempt, FeedRow, Flag, FlagReview
from db.queries.console import board
from protocol.flags import FlagStatus, Severity
from protocol.roles import Permission, Role
from tests.hub.rest.teacher.conftest import Classroom, user_id_of


def review(decision: str = "confirmed", *, seen: str = "open", reason: str = "seen on the camera") -> dict[str, str]:
    return {"id": str(uuid4()), "decision": decision, "seen": seen, "reason": reason}


async def test_flags_are_paged_newest_first(classroom: Classroom) -> None:
    attempt_id = await classroom.start_attempt()
    made = [str(await classroom.flag(attempt_id)) for _ in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/flags", limit=2, **after)).json()
        seen += [flag["flag_id"] for flag in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == made[::-1]


async def test_a_listed_flag_names_its_student_and_its_rule(classroom: Classroom) -> None:
    attempt_id = await classroom.start_attempt("Eve Example")
    flag_id = await classroom.flag(attempt_id, rule="left_then_pasted", severity=Severity.CRITICAL)
    (flag,) = (await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/flags")).json()["items"]
    assert flag | {"raised_at": 0, "student": flag["student"]["name"]} == {
        "flag_id": str(flag_id),
        "attempt_id": str(attempt_id),
        "student": "Eve Example",
        "exam_id": str(classroom.exam_id),
        "source": "rule",
        "rule": "left_then_pasted",
        "rule_name": "left, then pasted",
        "severity": "critical",
        "confidence": 0.8,
        "summary": "Away from the page for at least 21.0 s (limit 20 s).",
        "status": "open",
        "raised_at": 0,
        "reviewed_by": None,
        "reason": None,
    }


async def test_flags_are_filtered_by_status_severity_and_rule(classroom: Classroom, engine: AsyncEngine) -> None:
    attempt_id = await classroom.start_attempt()
    note = await classroom.flag(attempt_id, rule="left_fullscreen", severity=Severity.NORMAL)
    dismissed = await classroom.flag(attempt_id)
    async with engine.begin() as conn:
        await conn.execute(update(Flag).where(Flag.id == dismissed).values(status=FlagStatus.DISMISSED))
    for filters, expected in (
        ({"status": "open"}, [note]),
        ({"status": "dismissed"}, [dismissed]),
        ({"severity": "normal"}, [note]),
        ({"rule": "left_page"}, [dismissed]),
        ({"rule": "left_page", "status": "open"}, []),
    ):
        page = (await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/flags", **filters)).json()
        assert [flag["flag_id"] for flag in page["items"]] == [str(flag_id) for flag_id in expected], filters


async def test_an_invalid_filter_is_rejected_by_its_path(classroom: Classroom) -> None:
    for name, value in (("status", "x"), ("severity", "x"), ("rule", "X"), ("after", "x"), ("limit", 201)):
        answer = await classroom.teacher.get(f"/teacher/exams/{classroom.exam_id}/flags", **{name: value})
        assert answer.status_code == 400, name
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"query.{name}"]


async def test_flags_need_the_view_or_review_permission(classroom: Classroom) -> None:
    flag_id = await classroom.flag(await classroom.start_attempt())
    for path in (f"/teacher/exams/{classroom.exam_id}/flags", f"/teacher/flags/{flag_id}"):
        await classroom.check_permissions(path, without=[Permission.VIEW, Permission.REVIEW])
        for permission in (Permission.VIEW, Permission.REVIEW):
            caller = await classroom.teacher_with(permission, name=f"t-{uuid4()}")
            assert (await caller.get(path)).is_success
    assert (await classroom.teacher.get(f"/teacher/flags/{uuid4()}")).status_code == 404
    assert len(await classroom.audit_rows("read_flag")) == 2


async def test_a_review_changes_flag_score_feed_and_audit_log_together(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    attempt_id = await classroom.start_attempt()
    await classroom.connect(attempt_id)
    flag_id = await classroom.flag(attempt_id)
    answer = await classroom.teacher.post(f"/teacher/flags/{flag_id}/review", review())
    assert answer.status_code == 200
    view = answer.json()
    assert (view["status"], view["reviewed_by"], view["reason"]) == ("confirmed", "Teacher", "seen on the camera")
    (made,) = view["reviews"]
    assert (made["by"], made["from"], made["to"]) == ("Teacher", "open", "confirmed")
    async with engine.connect() as conn:
        kinds = (await conn.execute(select(FeedRow.kind).order_by(FeedRow.offset))).scalars().all()
        score = (await conn.execute(select(ExamAttempt.integrity_score))).scalar_one()
        audit_rows = (await conn.execute(select(AuditLog.details).where(AuditLog.action == "review"))).scalar_one()
    assert kinds[-2:] == ["flag", "score"]
    assert score == pytest.approx(1 - 0.15 * 0.8)
    assert (audit_rows["from"], audit_rows["to"]) == ("open", "confirmed")


async def test_a_repeated_review_decides_once_and_answers_the_same(classroom: Classroom, engine: AsyncEngine) -> None:
    flag_id = await classroom.flag(await classroom.start_attempt())
    body = review("escalated")
    first = await classroom.teacher.post(f"/teacher/flags/{flag_id}/review", body)
    again = await classroom.teacher.post(f"/teacher/flags/{flag_id}/review", body)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    async with engine.connect() as conn:
        assert len((await conn.execute(select(FlagReview))).all()) == 1
    other = await classroom.teacher.post(f"/teacher/flags/{flag_id}/review", body | {"reason": "another"})
    assert other.status_code == 409


async def test_the_second_of_two_reviews_learns_of_the_first(classroom: Classroom, engine: AsyncEngine) -> None:
    flag_id = await classroom.flag(await classroom.start_attempt())
    second = await classroom.teacher_with(Permission.REVIEW)
    answers = await asyncio.gather(
        classroom.teacher.post(f"/teacher/flags/{flag_id}/review", review("confirmed")),
        second.post(f"/teacher/flags/{flag_id}/review", review("dismissed")),
    )
    lost = next(answer for answer in answers if answer.status_code == 409)
    won = next(answer for answer in answers if answer.status_code == 200).json()
    problem = lost.json()
    assert problem["code"] == "conflict"
    assert (problem["by"], problem["at"]) == (won["reviewed_by"], won["reviews"][0]["at"])


async def test_an_impossible_decision_is_rejected_and_changes_nothing(
    classroom: Classroom, engine: AsyncEngine
) -> None:
    flag_id = await classroom.flag(await classroom.start_attempt())
    path = f"/teacher/flags/{flag_id}/review"
    assert (await classroom.teacher.post(path, review("open"))).status_code == 409
    assert (await classroom.teacher.post(path, review("confirmed", seen="dismissed"))).status_code == 409
    assert (await classroom.teacher.post(path, review("escalated"))).status_code == 200
    own = await classroom.teacher.post(path, review("confirmed", seen="escalated"))
    assert (own.status_code, own.json()["detail"]) == (
        403,
        "You escalated this flag. Another reviewer must decide about it.",
    )
    another = await classroom.teacher_with(Permission.REVIEW)
    assert (await another.post(path, review("confirmed", seen="escalated"))).status_code == 200


async def test_a_decision_needs_the_review_permission(classroom: Classroom, engine: AsyncEngine) -> None:
    flag_id = await classroom.flag(await classroom.start_attempt())
    path = f"/teacher/flags/{flag_id}/review"
    viewer = await classroom.teacher_with(Permission.VIEW, Permission.INVIGILATE)
    stranger = await classroom.teacher_with(name="stranger")
    student = await classroom.users.make(Role.STUDENT, "ada")
    callers = (viewer, stranger, student, classroom.users.anonymous)
    assert [(await caller.post(path, review())).status_code for caller in callers] == [403, 404, 403, 401]
    assert (await classroom.teacher.post(f"/teacher/flags/{uuid4()}/review", review())).status_code == 404
    async with engine.connect() as conn:
        assert (await board.read_flag_row(conn, flag_id)).status is FlagStatus.OPEN


async def test_a_review_without_a_reason_is_rejected_by_its_path(classroom: Classroom) -> None:
    flag_id = await classroom.flag(await classroom.start_attempt())
    for field, value in (("reason", "  "), ("reason", "x\0"), ("reason", "x" * 2_001), ("decision", "x"), ("id", 7)):
        answer = await classroom.teacher.post(f"/teacher/flags/{flag_id}/review", review() | {field: value})
        assert answer.status_code == 400, value
        assert [fault["path"] for fault in answer.json()["errors"]] == [f"$.{field}"]


async def test_a_decision_over_rest_is_the_same_as_in_the_console(classroom: Classroom) -> None:
    """Administrators can decide too, and are named in the audit log."""
    admin = await classroom.users.make(Role.ADMIN, "root")
    flag_id = await classroom.flag(await classroom.start_attempt())
    assert (await admin.post(f"/teacher/flags/{flag_id}/review", review())).is_success
    assert await classroom.audit_rows("review") == [(user_id_of(admin), str(UUID(str(flag_id))))]
