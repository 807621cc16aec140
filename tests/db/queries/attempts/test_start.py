import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.clock import to_ms
from db.errors import Conflict, NotFound, NotOpen
from db.models import AnalysisCursor, Exam, ExamAttempt, ExamEnrollment, ExamPolicy
from db.queries.attempts.start import StartedAttempt, Starter, read_attempt, start_attempt, start_attempts
from db.queries.retention import removal
from judgement.attempts import Action, next_status, transition_of
from protocol.attempts import RUNNING, AttemptStatus
from protocol.console import AttemptRow
from protocol.roles import Role
from tests import factories
from tests.candidates import system_events
from tests.locks import until_blocked


async def enrolled(conn: AsyncConnection, students: int = 1) -> tuple[UUID, list[UUID]]:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await factories.make_exam(conn, teacher, policy={"a": 1}, duration_minutes=90)
    ids = [await factories.make_user(conn) for _ in range(students)]
    await conn.execute(insert(ExamEnrollment), [{"exam_id": exam_id, "student_id": student_id} for student_id in ids])
    return exam_id, ids


async def test_starting_makes_everything_a_running_attempt_needs(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    opened = await start_attempt(conn, exam_id, student, rulebook_version=1)
    now = (await conn.execute(text("SELECT now()"))).scalar_one()
    assert (opened.ix, opened.status, opened.deadline) == (1, AttemptStatus.IN_PROGRESS, now + timedelta(minutes=90))
    assert (await conn.execute(select(func.count()).select_from(AnalysisCursor))).scalar_one() == 1
    assert opened.row == AttemptRow(
        ix=1,
        attempt_id=opened.attempt_id,
        student_id=student,
        status=AttemptStatus.IN_PROGRESS,
        deadline=to_ms(now + timedelta(minutes=90)),
    )


async def test_starting_again_returns_the_running_attempt(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    first = await start_attempt(conn, exam_id, student, rulebook_version=1)
    again = await start_attempt(conn, exam_id, student, rulebook_version=1)
    assert (again.attempt_id, again.deadline, again.row) == (first.attempt_id, first.deadline, None)


async def test_a_class_that_starts_at_once_gets_numbers_without_holes(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        exam_id, students = await enrolled(conn, students=8)

    async def start(student: UUID) -> StartedAttempt:
        async with engine.begin() as conn:
            return await start_attempt(conn, exam_id, student, rulebook_version=1)

    opened = await asyncio.gather(*(start(student) for student in [*students, *students]))
    assert sorted({started.ix for started in opened}) == list(range(1, 9))
    assert sum(started.row is not None for started in opened) == 8


async def test_a_student_whose_erasure_begins_at_the_same_moment_starts_nothing(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        exam_id, (student,) = await enrolled(conn)

    async def start() -> None:
        async with engine.begin() as conn:
            await start_attempt(conn, exam_id, student, rulebook_version=1)

    async with engine.begin() as erasing:
        await removal.begin_erasure(erasing, student)
        task = asyncio.create_task(start())
        await until_blocked(engine)
    with pytest.raises(NotFound):
        await asyncio.wait_for(task, 10)


async def test_a_student_who_is_not_on_the_roster_cannot_start(conn: AsyncConnection) -> None:
    exam_id, _ = await enrolled(conn)
    with pytest.raises(NotFound):
        await start_attempt(conn, exam_id, await factories.make_user(conn), rulebook_version=1)


async def test_an_exam_that_is_not_published_cannot_be_started(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    await conn.execute(update(Exam).values(is_published=False))
    with pytest.raises(NotFound):
        await start_attempt(conn, exam_id, student, rulebook_version=1)


async def test_an_attempt_is_read_with_the_policy_it_is_pinned_to(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    opened = await start_attempt(conn, exam_id, student, rulebook_version=1)
    record = await read_attempt(conn, opened.attempt_id)
    assert (record.exam_id, record.student_id, record.ix) == (exam_id, student, 1)
    assert (record.policy, record.policy_version, record.rulebook_version) == ({"a": 1}, 1, 1)


async def test_an_attempt_is_pinned_to_the_rulebook_its_exam_s_newest_policy_is_for(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    for version, rulebook in ((2, 9), (3, 4)):
        settings = {"rulebook": rulebook}
        await conn.execute(insert(ExamPolicy).values(id=uuid4(), exam_id=exam_id, version=version, settings=settings))
    opened = await start_attempt(conn, exam_id, student, rulebook_version=5)
    record = await read_attempt(conn, opened.attempt_id)
    assert (record.policy_version, record.rulebook_version) == (3, 4)


async def test_reading_an_unknown_attempt_is_not_found(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await read_attempt(conn, uuid4())


async def test_the_database_itself_holds_one_running_attempt_a_student(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    opened = await start_attempt(conn, exam_id, student, rulebook_version=1)
    copied = select(
        literal(uuid4()),
        ExamAttempt.exam_id,
        ExamAttempt.student_id,
        literal(2),
        ExamAttempt.status,
        ExamAttempt.policy_id,
        ExamAttempt.rulebook_version,
    ).where(ExamAttempt.id == opened.attempt_id)
    columns = ["id", "exam_id", "student_id", "ix", "status", "policy_id", "rulebook_version"]
    with pytest.raises(IntegrityError):
        await conn.execute(insert(ExamAttempt).from_select(columns, copied))


@pytest.mark.parametrize("status", sorted(set(AttemptStatus) - RUNNING))
async def test_an_exam_can_be_taken_once(conn: AsyncConnection, status: AttemptStatus) -> None:
    exam_id, (student,) = await enrolled(conn)
    first = await start_attempt(conn, exam_id, student, rulebook_version=1)
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == first.attempt_id).values(status=status))
    with pytest.raises(Conflict, match="already taken"):
        await start_attempt(conn, exam_id, student, rulebook_version=1)


async def test_an_exam_cannot_be_started_before_it_opens_or_after_it_closes(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    hour = timedelta(hours=1)
    for opens, closes, message in ((hour, 2 * hour, "opens at"), (-2 * hour, -hour, "closed at")):
        await conn.execute(update(Exam).values(opens_at=func.now() + opens, closes_at=func.now() + closes))
        with pytest.raises(NotOpen, match=message):
            await start_attempt(conn, exam_id, student, rulebook_version=1)


async def test_the_deadline_is_not_after_the_exam_closes(
    conn: AsyncConnection,
) -> None:
    exam_id, (student,) = await enrolled(conn)
    await conn.execute(
        update(Exam).values(opens_at=func.now(), closes_at=func.now() + timedelta(minutes=30), items_version=3)
    )
    opened = await start_attempt(conn, exam_id, student, rulebook_version=1)
    assert opened.deadline == opened.now + timedelta(minutes=30)
    assert (await conn.execute(select(ExamAttempt.items_version))).scalar_one() == 3
    await conn.execute(update(Exam).values(opens_at=func.now() - timedelta(days=1), closes_at=func.now()))
    again = await start_attempt(conn, exam_id, student, rulebook_version=1)
    assert (again.attempt_id, again.deadline) == (opened.attempt_id, opened.deadline)


async def test_each_version_of_the_notice_is_acknowledged_once(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    for notice in (None, 1, 1, None, 2):
        opened = await start_attempt(conn, exam_id, student, rulebook_version=1, notice=notice)
    assert await system_events(conn, opened.attempt_id) == [
        ("attempt_started", {}),
        ("notice_acknowledged", {"version": 1}),
        ("notice_acknowledged", {"version": 2}),
    ]


async def test_an_attempt_starts_as_in_the_table_of_transitions(conn: AsyncConnection) -> None:
    exam_id, (student,) = await enrolled(conn)
    opened = await start_attempt(conn, exam_id, student, rulebook_version=1)
    assert opened.status == next_status(None, Action.START)
    assert frozenset({opened.status}) == transition_of(Action.START).sources


async def test_a_class_that_starts_together_gets_one_attempt_each(conn: AsyncConnection) -> None:
    exam_id, (running, done, *new) = await enrolled(conn, students=5)
    first = await start_attempt(conn, exam_id, running, rulebook_version=1)
    over = await start_attempt(conn, exam_id, done, rulebook_version=1)
    await conn.execute(
        update(ExamAttempt).where(ExamAttempt.id == over.attempt_id).values(status=AttemptStatus.SUBMITTED)
    )
    stranger = await factories.make_user(conn)
    starters = [Starter(student, notice=3) for student in (running, stranger, *new, done)]
    outcomes = await start_attempts(conn, exam_id, starters, rulebook_version=1)
    resumed = outcomes[running]
    assert isinstance(resumed, StartedAttempt)
    assert (resumed.attempt_id, resumed.row) == (first.attempt_id, None)
    assert isinstance(outcomes[stranger], NotFound)
    assert isinstance(outcomes[done], Conflict)
    started = [outcomes[student] for student in new]
    assert [one.ix for one in started if isinstance(one, StartedAttempt)] == [3, 4, 5]
    for one in (*started, resumed):
        assert isinstance(one, StartedAttempt)
        assert [event for event, _ in await system_events(conn, one.attempt_id)] == [
            "attempt_started",
            "notice_acknowledged",
        ]
