from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Forbidden, NotFound
from db.queries.exams import permissions, rosters
from db.queries.exams.permissions import Grants
from db.queries.exams.rosters import RosterLine
from protocol.roles import Role
from tests import factories


async def test_enrolling_again_changes_nothing(conn: AsyncConnection) -> None:
    exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    ada, eve = [await factories.make_user(conn) for _ in range(2)]
    assert await rosters.enroll(conn, exam_id, [RosterLine(ada)]) == {ada}
    assert await rosters.enroll(conn, exam_id, [RosterLine(ada), RosterLine(eve)]) == {eve}
    assert await rosters.enroll(conn, exam_id, []) == set()


async def test_a_roster_is_listed_by_username_with_removed_students(conn: AsyncConnection) -> None:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id, neighbour = [await factories.make_exam(conn, teacher) for _ in range(2)]
    students = [await factories.make_user(conn, name=f"S {number}") for number in range(3)]
    await rosters.enroll(conn, exam_id, [RosterLine(student) for student in students])
    await rosters.enroll(conn, neighbour, [RosterLine(await factories.make_user(conn))])
    await rosters.remove_from_roster(conn, exam_id, students[1])
    entries = await rosters.list_entries(conn, exam_id, teacher)
    assert [(entry.student_id, entry.on_roster) for entry in entries] == list(
        zip(students, (True, False, True), strict=True)
    )
    after = await rosters.list_entries(conn, exam_id, teacher, after=entries[0].username, limit=1)
    assert after == [entries[1]]


async def test_a_roster_needs_the_permission_to_view_or_edit(conn: AsyncConnection) -> None:
    maker, other = [await factories.make_user(conn, role=Role.TEACHER) for _ in range(2)]
    exam_id = await factories.make_exam(conn, maker)
    with pytest.raises(NotFound):
        await rosters.list_entries(conn, exam_id, other)
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_invigilate=True))
    with pytest.raises(Forbidden):
        await rosters.list_entries(conn, exam_id, other)
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_view=True))
    assert await rosters.list_entries(conn, exam_id, other) == []
    with pytest.raises(NotFound):
        await rosters.list_entries(conn, uuid4(), maker)
