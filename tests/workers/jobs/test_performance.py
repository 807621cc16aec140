"""Figures are computed from stored attempts, and are the same again. The formulas have separate tests."""

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import Exam, ExamAttempt, PerformanceMetric, StudentProfile
from tests.seeded_attempts import SeededAttempt, end, seed_attempt
from workers.jobs.performance import update_performance


async def test_a_student_s_figures_come_from_all_final_attempts(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded_attempts = [await seed_attempt(conn) for _ in range(3)]
        student = seeded_attempts[0].student_id
        await conn.execute(insert(StudentProfile).values(user_id=student))
        for n, seeded in enumerate(seeded_attempts):
            await end(conn, seeded)
            await mark(conn, seeded, percentage=50.0 + 10 * n, student_id=student, dropout_label="incapable")
            await conn.execute(update(Exam).where(Exam.id == seeded.exam_id).values(subject=f"Subject {n}"))
    for _ in range(2):
        async with engine.begin() as conn:
            await update_performance(conn, [student])
        async with engine.connect() as conn:
            found = (await conn.execute(select(PerformanceMetric.__table__))).one()
            profile = (await conn.execute(select(StudentProfile.__table__))).one()
        assert (found.total_exams, found.avg_score) == (3, 60.0)
        assert (found.strengths, found.weaknesses) == (["Subject 2"], ["Subject 0"])
        assert (found.current_risk_label, found.flagged_for_intervention) == ("incapable", True)
        assert (profile.total_exams_attempted, profile.flagged_for_review) == (3, True)


async def test_without_a_final_attempt_all_figures_are_unknown(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        await update_performance(conn, [seeded.student_id])
        found = (await conn.execute(select(PerformanceMetric.__table__))).one()
    assert (found.total_exams, found.avg_score, found.avg_lmi, found.current_risk_label) == (0, None, None, None)


async def mark(conn: AsyncConnection, seeded: SeededAttempt, **values: object) -> None:
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == seeded.attempt_id).values(**values))
