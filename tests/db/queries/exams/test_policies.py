import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, Forbidden, NotFound
from db.models import ExamPolicy
from db.queries.exams import permissions, policies
from db.queries.exams.permissions import Grants
from db.queries.exams.policies import PolicyVersion
from protocol.roles import Role
from tests.factories import make_exam, make_user


async def test_a_policy_is_followed_by_the_next_version_and_stays(conn: AsyncConnection) -> None:
    maker = await make_user(conn, role=Role.TEACHER)
    exam_id = await make_exam(conn, maker, policy={"preset": "browser"})
    assert await policies.replace_policy(conn, exam_id, maker, {"preset": "camera"}) == 2
    assert await policies.read_newest_policy(conn, exam_id, maker) == PolicyVersion(2, {"preset": "camera"})
    stored = await conn.execute(select(ExamPolicy.settings).order_by(ExamPolicy.version))
    assert stored.scalars().all() == [{"preset": "browser"}, {"preset": "camera"}]


async def test_an_edit_of_an_older_policy_is_refused(conn: AsyncConnection) -> None:
    maker = await make_user(conn, role=Role.TEACHER)
    exam_id = await make_exam(conn, maker)
    await policies.replace_policy(conn, exam_id, maker, {}, seen=1)
    with pytest.raises(Conflict, match="version 2"):
        await policies.replace_policy(conn, exam_id, maker, {}, seen=1)


async def test_viewers_read_a_policy_and_editors_replace_it(conn: AsyncConnection) -> None:
    maker, other = [await make_user(conn, role=Role.TEACHER) for _ in range(2)]
    exam_id = await make_exam(conn, maker)
    with pytest.raises(NotFound):
        await policies.read_newest_policy(conn, exam_id, other)
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_view=True))
    assert (await policies.read_newest_policy(conn, exam_id, other)).version == 1
    with pytest.raises(Forbidden):
        await policies.replace_policy(conn, exam_id, other, {})
    await permissions.grant(conn, exam_id, maker, f"u-{other}", Grants(can_edit=True))
    assert await policies.replace_policy(conn, exam_id, other, {}) == 2
