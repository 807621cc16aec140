"""A student's transcript: nothing of others, no score before its release, never a label."""

import msgspec
import pytest
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamEnrollment, StudentProfile
from db.queries.accounts import users
from db.queries.student.attempt_view import Owner
from db.queries.student.transcript import read_transcript
from protocol.roles import Role
from tests.seeded_attempts import SeededAttempt, answer, end, seed_attempt


async def sit_as_one(conn: AsyncConnection, exams: int) -> list[SeededAttempt]:
    """Several exams of one student; the second half is submitted, with 2 of 10 points."""
    account = await users.create_user(conn, username="ada", name="Ada Example", role=Role.STUDENT)
    seeded_attempts = []
    for _ in range(exams):
        seeded = await seed_attempt(conn, passing=1)
        await conn.execute(
            update(ExamEnrollment).where(ExamEnrollment.exam_id == seeded.exam_id).values(student_id=account.user_id)
        )
        await conn.execute(
            update(ExamAttempt).where(ExamAttempt.id == seeded.attempt_id).values(student_id=account.user_id)
        )
        seeded_attempts.append(msgspec.structs.replace(seeded, student_id=account.user_id))
    for seeded in seeded_attempts[exams // 2 :]:
        await answer(conn, seeded, "a", "x", 1_000)
        await end(conn, seeded)
    return seeded_attempts


async def test_scores_are_shown_once_they_are_released(conn: AsyncConnection) -> None:
    running, ended = await sit_as_one(conn, 2)
    await conn.execute(update(ExamAttempt).values(integrity_score=0.9, dropout_label="copy", flagged=True))
    owner = Owner(ended.student_id)
    before = await read_transcript(conn, owner)
    assert {attempt.attempt_id for attempt in before.attempts} == {running.attempt_id, ended.attempt_id}
    assert {(attempt.score, attempt.percentage, attempt.passed, attempt.integrity) for attempt in before.attempts} == {
        (None,) * 4
    }
    assert (before.totals.total_exams, before.totals.passed, before.totals.average_score) == (1, 0, None)
    await conn.execute(update(Exam).where(Exam.id == ended.exam_id).values(results_released_at=func.now()))
    after = await read_transcript(conn, owner)
    (shown,) = [attempt for attempt in after.attempts if attempt.released]
    assert (shown.status, shown.score, shown.percentage, shown.passed, shown.integrity) == (
        "completed",
        2,
        20,
        True,
        0.9,
    )
    assert (after.totals.total_exams, after.totals.passed, after.totals.average_score) == (1, 1, 20)
    assert b"copy" not in msgspec.json.encode(after)


async def test_it_is_the_student_s_own_with_their_profile_and_newest_attempts_first(conn: AsyncConnection) -> None:
    seeded_attempts = await sit_as_one(conn, 4)
    await seed_attempt(conn)
    student = seeded_attempts[0].student_id
    await conn.execute(
        update(StudentProfile)
        .where(StudentProfile.user_id == student)
        .values(enrollment_id="E-1", cohort="2026", cumulative_integrity_score=0.8)
    )
    transcript = await read_transcript(conn, Owner(student), limit=3)
    assert (transcript.profile.username, transcript.profile.cohort, transcript.integrity) == ("ada", "2026", 0.8)
    assert [attempt.attempt_id for attempt in transcript.attempts] == [
        seeded.attempt_id for seeded in seeded_attempts[:0:-1]
    ]
    only = await read_transcript(conn, Owner(student, seeded_attempts[1].exam_id))
    assert [attempt.exam_id for attempt in only.attempts] == [seeded_attempts[1].exam_id]


async def test_an_unknown_student_has_no_transcript(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    with pytest.raises(NotFound):
        await read_transcript(conn, Owner(seeded.exam_id))
