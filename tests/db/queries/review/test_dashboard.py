from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Flag
from db.queries.exams import permissions
from db.queries.exams.permissions import Grants
from db.queries.review import dashboard
from protocol.flags import FlagStatus, Severity
from protocol.roles import Permission, Role
from tests.factories import make_attempt, make_exam, make_flag, make_user
from tests.seeded_attempts import WITH_TEXT, answer, end, seed_attempt


async def test_an_exam_without_attempts_has_zero_counts(conn: AsyncConnection) -> None:
    teacher = await make_user(conn, role=Role.TEACHER)
    exam = await make_exam(conn, teacher)
    (line,) = await dashboard.list_exams(conn, teacher, Role.TEACHER)
    assert (line.exam_id, line.title, line.is_published) == (exam, "Physics", True)
    assert (line.roster_size, line.attempts, line.running) == (0, 0, 0)
    assert (line.awaiting_review, line.awaiting_grade, line.open_flags) == (0, 0, 0)
    assert line.permissions == list(Permission)


async def test_attempts_are_counted_by_what_they_wait_for(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, WITH_TEXT)
    await make_attempt(conn, seeded.exam_id, await make_user(conn))
    await answer(conn, seeded, "d", "an essay", 1_000)
    await end(conn, seeded)
    (line,) = await dashboard.list_exams(conn, seeded.teacher_id, Role.TEACHER)
    assert (line.roster_size, line.attempts, line.running, line.awaiting_grade) == (2, 2, 1, 1)


async def test_only_undecided_flags_above_a_note_wait_for_a_review(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    flags = [await make_flag(conn, seeded.attempt_id, episode=str(n)) for n in range(4)]
    await conn.execute(update(Flag).where(Flag.id == flags[0]).values(status=FlagStatus.DISMISSED))
    await conn.execute(update(Flag).where(Flag.id == flags[1]).values(severity=Severity.NORMAL))
    await conn.execute(update(Flag).where(Flag.id == flags[2]).values(status=FlagStatus.ESCALATED))
    (line,) = await dashboard.list_exams(conn, seeded.teacher_id, Role.TEACHER)
    assert (line.open_flags, line.awaiting_review) == (2, 1)


async def test_the_newest_exams_come_first_up_to_the_limit(conn: AsyncConnection) -> None:
    teacher = await make_user(conn, role=Role.TEACHER)
    exams = [await make_exam(conn, teacher) for _ in range(3)]
    assert [line.exam_id for line in await dashboard.list_exams(conn, teacher, Role.TEACHER, limit=2)] == [
        exams[2],
        exams[1],
    ]
    assert await dashboard.count_exams(conn, teacher, Role.TEACHER) == 3


async def test_an_exam_without_any_permission_is_neither_listed_nor_counted(conn: AsyncConnection) -> None:
    teacher, colleague = [await make_user(conn, role=Role.TEACHER) for _ in range(2)]
    exam = await make_exam(conn, teacher)
    assert await dashboard.list_exams(conn, colleague, Role.TEACHER) == []
    assert await dashboard.count_exams(conn, colleague, Role.TEACHER) == 0
    await permissions.grant(conn, exam, teacher, f"u-{colleague}", Grants(can_review=True))
    (line,) = await dashboard.list_exams(conn, colleague, Role.TEACHER)
    assert line.permissions == [Permission.REVIEW]
    assert await dashboard.count_exams(conn, colleague, Role.TEACHER) == 1
