from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, Forbidden, NotFound
from db.models import Exam, ExamItem
from db.queries.exams import items, permissions
from db.queries.exams.items import Item
from db.queries.exams.permissions import Grants
from protocol.attempts import ItemKind
from protocol.roles import Role
from tests.factories import make_exam, make_user

ITEMS = [
    Item(item="q2", kind=ItemKind.CHOICE, prompt="Which?", choices=["a", "b"], points=2, answer_key="b"),
    Item(item="q1", kind=ItemKind.TEXT, prompt="Why?", choices=[], points=3.5, answer_key=None),
]


async def make(conn: AsyncConnection) -> tuple[UUID, UUID, UUID]:
    maker, other = [await make_user(conn, role=Role.TEACHER) for _ in range(2)]
    return await make_exam(conn, maker), maker, other


async def test_items_are_read_in_order_and_update_the_maximum_score(conn: AsyncConnection) -> None:
    exam_id, maker, _ = await make(conn)
    assert await items.read_newest_items(conn, exam_id, maker) == items.ItemSet(0, [], with_keys=True)
    assert await items.replace_items(conn, exam_id, maker, ITEMS) == 1
    assert await items.read_newest_items(conn, exam_id, maker) == items.ItemSet(1, ITEMS, with_keys=True)
    exam = (await conn.execute(select(Exam.max_score, Exam.version, Exam.items_version))).one()
    assert exam == (5.5, 2, 1)


async def test_an_older_version_stays_as_it_was(conn: AsyncConnection) -> None:
    exam_id, maker, _ = await make(conn)
    await items.replace_items(conn, exam_id, maker, ITEMS)
    assert await items.replace_items(conn, exam_id, maker, ITEMS[:1], seen=1) == 2
    assert await items.replace_items(conn, exam_id, maker, []) == 3
    rows = await conn.execute(select(ExamItem.version, ExamItem.item).order_by(ExamItem.version, ExamItem.position))
    assert rows.all() == [(1, "q2"), (1, "q1"), (2, "q2")]
    assert (await conn.execute(select(Exam.max_score))).scalar_one() == 0


async def test_an_edit_of_an_older_version_is_refused(conn: AsyncConnection) -> None:
    exam_id, maker, _ = await make(conn)
    await items.replace_items(conn, exam_id, maker, ITEMS)
    with pytest.raises(Conflict, match="version 1"):
        await items.replace_items(conn, exam_id, maker, ITEMS, seen=0)


@pytest.mark.parametrize(
    ("grants", "keys"),
    [(Grants(can_view=True), False), (Grants(can_review=True), True), (Grants(can_edit=True), True)],
)
async def test_keys_are_read_only_with_the_permission_to_edit_or_review(
    conn: AsyncConnection, grants: Grants, keys: bool
) -> None:
    exam_id, maker, other = await make(conn)
    await items.replace_items(conn, exam_id, maker, ITEMS)
    await permissions.grant(conn, exam_id, maker, f"u-{other}", grants)
    found = await items.read_newest_items(conn, exam_id, other)
    assert found.with_keys is keys
    assert [item.answer_key for item in found.items] == (["b", None] if keys else [None, None])


@pytest.mark.parametrize("grants", [Grants(can_invigilate=True), Grants(can_view_analytics=True)])
async def test_an_invigilator_sees_no_items_and_other_teachers_no_exam(conn: AsyncConnection, grants: Grants) -> None:
    exam_id, maker, other = await make(conn)
    for call in (items.read_newest_items(conn, exam_id, other), items.replace_items(conn, exam_id, other, ITEMS)):
        with pytest.raises(NotFound):
            await call
    await permissions.grant(conn, exam_id, maker, f"u-{other}", grants)
    for call in (items.read_newest_items(conn, exam_id, other), items.replace_items(conn, exam_id, other, ITEMS)):
        with pytest.raises(Forbidden):
            await call
