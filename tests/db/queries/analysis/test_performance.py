import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import Exam, ExamAttempt, Flag, PerformanceMetric, StudentProfile
from db.queries.accounts import users
from db.queries.analysis import performance
from db.queries.analysis.performance import lock_metrics, read_final_attempts, store_metrics
from protocol.analysis import DropoutLabel, Performance, Trend
from protocol.roles import Role
from tests.factories import make_flag
from tests.locks import until_blocked
from tests.seeded_attempts import WITH_TEXT, SeededAttempt, end, seed_attempt


async def final(conn: AsyncConnection, seeded: SeededAttempt) -> int:
    return len((await read_final_attempts(conn, [seeded.student_id]))[seeded.student_id])


async def test_a_graded_attempt_with_nothing_left_to_decide_is_final(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await conn.execute(update(Exam).values(subject="Physics"))
    assert await final(conn, seeded) == 0, "it runs"
    await end(conn, seeded)
    await conn.execute(
        update(ExamAttempt).values(integrity_score=0.8, lmi=40.0, dropout_label="safe", percentage=70.0, passed=True)
    )
    [one] = (await read_final_attempts(conn, [seeded.student_id]))[seeded.student_id]
    assert (one.subject, one.percentage, one.passed) == ("Physics", 70.0, True)
    assert (one.integrity, one.lmi, one.label) == (0.8, 40.0, DropoutLabel.SAFE)


async def test_an_attempt_of_a_practice_exam_counts_in_no_figures(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    assert await final(conn, seeded) == 1
    await conn.execute(update(Exam).values(kind="practice"))
    assert await final(conn, seeded) == 0


async def test_an_attempt_that_needs_a_grader_is_not_final(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, WITH_TEXT)
    await end(conn, seeded)
    await conn.execute(update(ExamAttempt).values(grade_final_at=None))
    assert await final(conn, seeded) == 0


@pytest.mark.parametrize(
    ("status", "severity", "count"),
    [
        ("open", "warning", 0),
        ("escalated", "critical", 0),
        ("open", "normal", 1),
        ("confirmed", "critical", 1),
        ("dismissed", "warning", 1),
    ],
)
async def test_flags_above_a_note_have_to_be_decided_about(
    conn: AsyncConnection, status: str, severity: str, count: int
) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    await make_flag(conn, seeded.attempt_id)
    await conn.execute(update(Flag).values(status=status, severity=severity))
    assert await final(conn, seeded) == count


async def test_figures_are_stored_with_the_profile_that_shows_some_of_them(conn: AsyncConnection) -> None:
    account = await users.create_user(conn, username="ada", name="Ada", role=Role.STUDENT)
    student = account.user_id
    figures = Performance(
        total_exams=3,
        passed_exams=2,
        avg_score=61.5,
        subject_scores={"Physics": 61.5},
        strengths=["Physics"],
        avg_integrity=0.9,
        integrity_trend=Trend.DOWN,
        avg_lmi=40.0,
        lmi_trend=Trend.UP,
        current_risk=DropoutLabel.INCAPABLE,
        is_flagged=True,
        last_ended_ms=1_700_000_000_000,
    )
    await lock_metrics(conn, [student])
    await store_metrics(conn, {student: figures})
    found = (await conn.execute(select(PerformanceMetric.__table__))).one()
    assert (found.total_exams, found.passed_exams, found.avg_score) == (3, 2, 61.5)
    assert (found.subject_scores, found.strengths, found.weaknesses) == ({"Physics": 61.5}, ["Physics"], [])
    assert (found.integrity_trend, found.lmi_trend) == ("down", "up")
    assert (found.current_risk_label, found.flagged_for_intervention) == ("incapable", True)
    profile = (await conn.execute(select(StudentProfile.__table__))).one()
    assert (profile.cumulative_integrity_score, profile.cumulative_lmi) == (0.9, 40.0)
    assert (profile.total_exams_attempted, profile.total_exams_passed) == (3, 2)
    assert (profile.current_dropout_risk, profile.flagged_for_review) == ("incapable", True)
    await store_metrics(conn, {student: Performance()})
    found = (await conn.execute(select(PerformanceMetric.__table__))).one()
    unknown = (found.avg_score, found.current_risk_label, found.last_attempt_date)
    assert (found.total_exams, unknown) == (0, (None, None, None))


async def test_of_two_at_once_the_second_sees_what_the_first_stored(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        await end(conn, seeded)
    students = [seeded.student_id]

    async def second() -> dict[UUID, Any]:
        async with engine.begin() as conn:
            await performance.lock_metrics(conn, students)
            return await performance.read_final_attempts(conn, students)

    async with engine.begin() as conn:
        await performance.lock_metrics(conn, students)
        waiting = asyncio.create_task(second())
        await until_blocked(engine)
        await conn.execute(update(ExamAttempt).values(lmi=12.0, completed_at=func.now()))
    [seen] = (await waiting)[seeded.student_id]
    assert seen.lmi == 12.0


async def test_without_students_nothing_is_read_or_stored(conn: AsyncConnection) -> None:
    await lock_metrics(conn, [])
    assert await read_final_attempts(conn, []) == {}
    await store_metrics(conn, {})
