import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import FeedRow
from db.queries import feed
from protocol.console import ROWS, StudentRow
from protocol.roles import Role
from tests import factories


async def exam(conn: AsyncConnection) -> UUID:
    return await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))


def row(name: str = "Ada") -> StudentRow:
    return StudentRow(uuid4(), name)


async def test_appended_rows_are_numbered_without_holes_and_read_back(conn: AsyncConnection) -> None:
    exam_id = await exam(conn)
    first, second, third = row("a"), row("b"), row("c")
    assert await feed.append(conn, exam_id, [first, second]) == 2
    assert await feed.append(conn, exam_id, [third]) == 3
    deltas = await feed.read_after(conn, exam_id, 1)
    assert [(delta.offset, delta.kind) for delta in deltas] == [(2, "student"), (3, "student")]
    assert msgspec.json.decode(deltas[0].body, type=ROWS["student"]) == second


async def test_appending_nothing_returns_the_head(conn: AsyncConnection) -> None:
    exam_id = await exam(conn)
    await feed.append(conn, exam_id, [row()])
    assert await feed.append(conn, exam_id, []) == 1
    assert await feed.read_heads(conn, [exam_id, uuid4()]) == {exam_id: 1}


async def test_offsets_appended_at_once_are_still_without_holes(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        exam_id = await exam(conn)

    async def append() -> None:
        async with engine.begin() as conn:
            await feed.append(conn, exam_id, [row(), row()])

    await asyncio.gather(*(append() for _ in range(10)))
    async with engine.connect() as conn:
        assert [delta.offset for delta in await feed.read_after(conn, exam_id, 0)] == list(range(1, 21))


async def offsets(conn: AsyncConnection, exam_id: UUID) -> list[int]:
    return [delta.offset for delta in await feed.read_after(conn, exam_id, 0)]


async def age(conn: AsyncConnection, *offsets: int) -> None:
    """Let these rows be three days old."""
    await conn.execute(
        update(FeedRow).where(FeedRow.offset.in_(offsets)).values(appended_at=func.now() - timedelta(days=3))
    )


async def test_rows_older_than_two_days_are_not_kept(conn: AsyncConnection) -> None:
    exam_id, other = await exam(conn), await exam(conn)
    for watched in (exam_id, other):
        await feed.append(conn, watched, [row() for _ in range(5)])
    assert await feed.trim_feeds(conn) == 0
    await age(conn, 1, 2)
    assert await feed.trim_feeds(conn) == 4
    assert await offsets(conn, exam_id) == await offsets(conn, other) == [3, 4, 5]


async def test_no_more_rows_are_kept_than_requested(conn: AsyncConnection) -> None:
    exam_id = await exam(conn)
    await feed.append(conn, exam_id, [row() for _ in range(9)])
    assert await feed.trim_feeds(conn, rows=4) == 5
    assert await offsets(conn, exam_id) == [6, 7, 8, 9]


async def test_a_feed_is_cut_from_its_beginning_however_little_at_a_time(conn: AsyncConnection) -> None:
    exam_id, other = await exam(conn), await exam(conn)
    for watched in (exam_id, other):
        await feed.append(conn, watched, [row() for _ in range(5)])
    kept = []
    while await feed.trim_feeds(conn, rows=1, limit=3) == 3:
        kept.append(sorted([await offsets(conn, exam_id), await offsets(conn, other)]))
    assert kept == [[[1, 2, 3, 4, 5], [4, 5]], [[3, 4, 5], [5]]]
    assert await offsets(conn, exam_id) == await offsets(conn, other) == [5]


async def test_the_kept_rows_have_no_holes_and_include_the_last_row(conn: AsyncConnection) -> None:
    exam_id, untouched = await exam(conn), await exam(conn)
    await feed.append(conn, exam_id, [row() for _ in range(5)])
    await age(conn, 1, 3, 4)  # appended under the lock later than their transactions began
    assert await feed.trim_feeds(conn) == 1
    assert await offsets(conn, exam_id) == [2, 3, 4, 5]
    await age(conn, 2, 5)
    assert await feed.trim_feeds(conn) == 3
    assert await offsets(conn, exam_id) == [5]
    assert await feed.trim_feeds(conn, rows=0) == 0
    assert await feed.read_heads(conn, [exam_id, untouched]) == {exam_id: 5, untouched: 0}
