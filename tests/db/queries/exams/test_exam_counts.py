"""The counts of an exam are those of its rows, after any change, and no change waits for another."""

import asyncio

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import ExamAttempt, ExamCount, ExamEnrollment
from db.queries.analysis import summary_views
from tests.seeded_attempts import SeededAttempt, end, seed_attempt


async def read_counts(conn: AsyncConnection, seeded: SeededAttempt) -> tuple[int, ...]:
    columns = (ExamCount.roster, ExamCount.attempts, ExamCount.running, ExamCount.ungraded)
    found = await conn.execute(
        select(*(func.coalesce(func.sum(column), 0) for column in columns)).where(ExamCount.exam_id == seeded.exam_id)
    )
    return tuple(found.one())


async def test_counts_follow_an_attempt_from_its_start_to_its_grade(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    assert (await read_counts(conn, seeded))[1:] == (1, 1, 0)
    await end(conn, seeded)
    await conn.execute(update(ExamAttempt).values(grade_final_at=None))
    assert (await read_counts(conn, seeded))[1:] == (1, 0, 1)
    await conn.execute(update(ExamAttempt).values(grade_final_at=func.now()))
    assert (await read_counts(conn, seeded))[1:] == (1, 0, 0)


async def test_a_student_who_leaves_the_roster_is_not_counted(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await conn.execute(
        text("INSERT INTO exam_enrollments (exam_id, student_id) VALUES (:exam, :student) ON CONFLICT DO NOTHING"),
        {"exam": seeded.exam_id, "student": seeded.student_id},
    )
    assert (await read_counts(conn, seeded))[0] == 1
    await conn.execute(update(ExamEnrollment).values(removed_at=func.now()))
    assert (await read_counts(conn, seeded))[0] == 0


async def test_counting_again_gives_the_same(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    counted = await read_counts(conn, seeded)
    await summary_views.merge_counts(conn)
    assert await read_counts(conn, seeded) == counted


async def test_merging_counts_does_not_wait_for_a_change(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
    async with engine.begin() as first, engine.begin() as second:
        await first.execute(update(ExamAttempt).values(status="paused", grade_final_at=func.now()))
        await asyncio.wait_for(summary_views.merge_counts(second), 5)
        assert (await read_counts(second, seeded))[1] == 1
