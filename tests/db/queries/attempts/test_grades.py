"""Points of graders have priority over those of keys, and the queries check who may read keys."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.models import AttemptGrade, Exam, ExamAttempt, TeacherExamPermission
from db.queries.attempts.grades import ItemGrade, decide_again, lock_graded_attempt, read_graded_attempt, store_grades
from judgement import grading
from protocol.roles import Role
from tests import factories
from tests.locks import until_blocked
from tests.seeded_attempts import WITH_TEXT, SeededAttempt, answer, end, seed_attempt


async def ended(conn: AsyncConnection) -> SeededAttempt:
    seeded = await seed_attempt(conn, WITH_TEXT)
    await answer(conn, seeded, "a", "x", 1_000)
    await answer(conn, seeded, "d", "Because", 2_000)
    await end(conn, seeded)
    return seeded


async def test_points_of_a_grader_replace_those_of_the_key(conn: AsyncConnection) -> None:
    seeded = await ended(conn)
    for points in (1.0, 0.5):
        script = await lock_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)
        grades = [ItemGrade("a", points, "half"), ItemGrade("d", 4)]
        await store_grades(conn, script, grades, seeded.teacher_id, grading, final=False)
    after = await read_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)
    assert {item: (grade.points, grade.by, grade.comment) for item, grade in after.given.items()} == {
        "a": (0.5, "Grace Example", "half"),
        "b": (0, "key", ""),
        "c": (0, "key", ""),
        "d": (4, "Grace Example", ""),
    }
    assert (after.marks.score, after.marks.percentage, after.marks.passed) == (4.5, 22.5, False)
    assert not after.grade_final
    rows = await conn.execute(select(AttemptGrade.item).where(AttemptGrade.attempt_id == seeded.attempt_id))
    assert len(rows.all()) == 4


async def test_a_final_grade_needs_points_for_every_item_and_stays_final(conn: AsyncConnection) -> None:
    seeded = await ended(conn)
    script = await lock_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)
    with pytest.raises(Conflict, match="no points yet: d"):
        await store_grades(conn, script, [], seeded.teacher_id, grading, final=True)
    await store_grades(conn, script, [ItemGrade("d", 4)], seeded.teacher_id, grading, final=True)
    assert (await read_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)).grade_final
    again = await lock_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)
    first = (await conn.execute(select(ExamAttempt.grade_final_at))).scalar_one()
    await store_grades(conn, again, [ItemGrade("d", 5)], seeded.teacher_id, grading, final=True)
    assert (await conn.execute(select(ExamAttempt.grade_final_at))).scalar_one() == first


async def test_an_attempt_that_runs_is_read_and_not_graded(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, WITH_TEXT)
    script = await read_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)
    assert (script.given, script.marks.max_score) == ({}, 20)
    with pytest.raises(Conflict, match="after it has ended"):
        await lock_graded_attempt(conn, seeded.attempt_id, seeded.teacher_id)


async def test_only_reviewers_read_the_keys(conn: AsyncConnection) -> None:
    seeded = await ended(conn)
    with pytest.raises(NotFound):
        await read_graded_attempt(conn, uuid4(), seeded.teacher_id)
    stranger = await factories.make_user(conn, role=Role.TEACHER)
    with pytest.raises(NotFound, match="attempt"):
        await read_graded_attempt(conn, seeded.attempt_id, stranger)
    with pytest.raises(NotFound):
        await read_graded_attempt(conn, seeded.attempt_id, seeded.student_id)
    await conn.execute(
        insert(TeacherExamPermission).values(
            exam_id=seeded.exam_id, teacher_id=stranger, can_view=True, can_invigilate=True
        )
    )
    with pytest.raises(Forbidden):
        await read_graded_attempt(conn, seeded.attempt_id, stranger)
    assert await read_graded_attempt(conn, seeded.attempt_id, await factories.make_user(conn, role=Role.ADMIN))


async def test_an_attempt_that_ends_while_the_points_to_pass_change_is_decided_by_the_new_ones(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn, passing=5)
        await answer(conn, seeded, "a", "x", 1_000)
    async with engine.begin() as changing, engine.begin() as finishing:
        await changing.execute(update(Exam).where(Exam.id == seeded.exam_id).values(passing_score=1))
        assert await decide_again(changing, seeded.exam_id, 1) == []
        waiting = asyncio.create_task(end(finishing, seeded))
        await until_blocked(engine)
        await changing.commit()
        await waiting
        stored = await finishing.execute(select(ExamAttempt.score, ExamAttempt.passed))
        assert tuple(stored.one()) == (2, True)


async def test_the_points_to_pass_change_after_an_attempt_that_is_ending(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn, passing=5)
        await answer(conn, seeded, "a", "x", 1_000)
    async with engine.begin() as changing, engine.begin() as finishing:
        await end(finishing, seeded)
        deciding = asyncio.create_task(decide_again(changing, seeded.exam_id, 1))
        await until_blocked(engine)
        await finishing.commit()
        assert await deciding == [seeded.attempt_id]
        stored = await changing.execute(select(ExamAttempt.score, ExamAttempt.passed))
        assert tuple(stored.one()) == (2, True)
