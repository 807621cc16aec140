from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Forbidden, NotFound
from db.models import Flag
from db.queries.exams import permissions
from db.queries.exams.permissions import Grants
from db.queries.review import attempts
from protocol.flags import FlagStatus, Severity
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_flag, make_user
from tests.seeded_attempts import end, seed_attempt


async def make_attempts(conn: AsyncConnection, count: int) -> tuple[UUID, UUID, list[UUID]]:
    """A teacher, an exam, and its attempts."""
    teacher = await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, teacher)
    return teacher, exam, [await make_attempt(conn, exam, await make_user(conn)) for _ in range(count)]


async def test_attempts_are_listed_by_ix_page_by_page(conn: AsyncConnection) -> None:
    teacher, exam, made = await make_attempts(conn, 3)
    await make_attempts(conn, 1)
    first = await attempts.list_attempts(conn, exam, user_id=teacher, limit=2)
    rest = await attempts.list_attempts(conn, exam, user_id=teacher, after=first[-1].ix, limit=2)
    assert [(row.ix, row.attempt_id) for row in [*first, *rest]] == list(enumerate(made, 1))


async def test_a_summary_has_what_is_stored_about_the_attempt(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    running = await attempts.read_summary(conn, seeded.attempt_id)
    assert (running.title, running.name, running.status, running.completed_at) == (
        "Physics",
        "Ada Example",
        "in_progress",
        None,
    )
    assert (running.score, running.integrity, running.dropout_label, running.open_flags) == (None, None, None, 0)
    ended = await end(conn, seeded)
    summary = await attempts.read_summary(conn, seeded.attempt_id)
    assert (summary.status, summary.completed_at) == ("submitted", ended.receipt.submitted_at)
    assert (summary.score, summary.max_score, summary.passed, summary.grade_final) == (0, 10, False, True)


async def test_only_undecided_flags_above_a_note_are_open(conn: AsyncConnection) -> None:
    _, _, (attempt,) = await make_attempts(conn, 1)
    for status in FlagStatus:
        flag = await make_flag(conn, attempt, episode=status)
        await conn.execute(update(Flag).where(Flag.id == flag).values(status=status))
    assert (await attempts.read_summary(conn, attempt)).open_flags == 2
    await conn.execute(update(Flag).values(severity=Severity.NORMAL))
    assert (await attempts.read_summary(conn, attempt)).open_flags == 0


async def test_an_unknown_attempt_is_not_found(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await attempts.read_summary(conn, uuid4())


async def test_the_list_needs_the_permission_to_view(conn: AsyncConnection) -> None:
    teacher, exam, _ = await make_attempts(conn, 1)
    colleague = await make_user(conn, role=Role.TEACHER)
    with pytest.raises(NotFound):
        await attempts.list_attempts(conn, exam, user_id=colleague, limit=1)
    await permissions.grant(conn, exam, teacher, f"u-{colleague}", Grants(can_review=True))
    with pytest.raises(Forbidden):
        await attempts.list_attempts(conn, exam, user_id=colleague, limit=1)
    await permissions.grant(conn, exam, teacher, f"u-{colleague}", Grants(can_view=True))
    assert len(await attempts.list_attempts(conn, exam, user_id=colleague, limit=1)) == 1
