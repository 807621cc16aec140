"""What may be removed, and what the database refuses to remove."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, NotFound
from db.models import Exam, ExamAttempt, User
from db.queries.retention import removal
from db.retention.deletion import delete_all_events, delete_exam, erase_person
from protocol.attempts import ExamKind
from protocol.roles import Role
from tests.factories import make_attempt, make_user
from tests.workers.history import History


@pytest.fixture
async def history(engine: AsyncEngine) -> History:
    return await History(engine).open()


async def count(engine: AsyncEngine, table: str) -> int:
    async with engine.connect() as conn:
        return int((await conn.execute(select(func.count()).select_from(text(table)))).scalar_one())


async def test_an_exam_is_deleted_with_everything_of_it(engine: AsyncEngine, history: History) -> None:
    await history.add(1)
    other = await history.add(1, kind=ExamKind.PRACTICE)
    exam_id = history.exams[ExamKind.REAL]
    async with engine.begin() as conn:
        await removal.begin_exam_deletion(conn, exam_id)
        assert await removal.list_exams_to_remove(conn) == [exam_id]
    await delete_exam(engine, exam_id)
    async with engine.connect() as conn:
        assert (await conn.execute(select(Exam.id))).scalars().all() == [history.exams[ExamKind.PRACTICE]]
        assert (await conn.execute(select(ExamAttempt.id))).scalars().all() == [other.attempt_id]
    for table in ("flags", "analysis_cursors", "exam_policies", "feed_heads"):
        assert await count(engine, table) == 1, table


async def test_an_exam_that_is_deleted_twice_at_once_is_deleted_once(engine: AsyncEngine, history: History) -> None:
    removed = (await history.add(1)).attempt_id
    async with engine.begin() as conn:
        await removal.begin_exam_deletion(conn, history.exams[ExamKind.REAL])
    await delete_exam(engine, history.exams[ExamKind.REAL])
    assert await delete_all_events(engine, removed) == 0, "the second one had read it before"


async def test_an_exam_with_a_held_or_running_attempt_is_not_deleted(engine: AsyncEngine, history: History) -> None:
    await history.add(1, flag="open")
    with pytest.raises(Conflict, match="1 attempt is held"):
        async with engine.begin() as conn:
            await removal.begin_exam_deletion(conn, history.exams[ExamKind.REAL])
    async with engine.begin() as conn:
        await make_attempt(conn, history.exams[ExamKind.PRACTICE], await make_user(conn))
    with pytest.raises(Conflict, match="is running"):
        async with engine.begin() as conn:
            await removal.begin_exam_deletion(conn, history.exams[ExamKind.PRACTICE])


async def test_a_held_person_is_erased_only_when_forced(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(1, flag="escalated")
    with pytest.raises(Conflict, match="held"):
        async with engine.begin() as conn:
            await removal.begin_erasure(conn, attempt.student_id)
    async with engine.begin() as conn:
        await removal.begin_erasure(conn, attempt.student_id, is_forced=True)
    await erase_person(engine, attempt.student_id)
    async with engine.connect() as conn:
        user = (await conn.execute(select(User).where(User.id == attempt.student_id))).one()
    assert (user.full_name, user.username, user.is_active) == ("Erased user", f"erased {attempt.student_id}", False)


async def test_an_erasure_can_be_repeated(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(1)
    for _ in range(2):
        async with engine.begin() as conn:
            await removal.begin_erasure(conn, attempt.student_id)
        await erase_person(engine, attempt.student_id)
    assert await count(engine, "exam_attempts") == 1
    assert await count(engine, "flags") == 0


async def test_administrators_and_unknown_users_are_not_erased(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        admin = await make_user(conn, role=Role.ADMIN)
        with pytest.raises(Conflict):
            await removal.begin_erasure(conn, admin)
        with pytest.raises(NotFound):
            await removal.begin_erasure(conn, uuid4())


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT remove_attempts(ARRAY(SELECT id FROM exam_attempts))", "not to be removed"),
        ("SELECT clear_attempts(ARRAY(SELECT id FROM exam_attempts))", "has events"),
        ("SELECT remove_exam(id) FROM exams", "not to be deleted"),
        ("SELECT erase_user(id) FROM users", "not to be erased"),
    ],
)
async def test_the_database_refuses_a_removal_that_was_not_decided(
    engine: AsyncEngine, history: History, statement: str, why: str
) -> None:
    await history.add(1)
    with pytest.raises(DBAPIError, match=why):
        async with engine.begin() as conn:
            await conn.execute(text(statement))
