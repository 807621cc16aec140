import asyncio
from uuid import UUID, uuid4

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries import feed
from protocol.console import ROWS, StudentRow
from protocol.people import Role
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
    assert await feed.heads(conn, [exam_id, uuid4()]) == {exam_id: 1}


async def test_offsets_appended_at_once_are_still_without_holes(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        exam_id = await exam(conn)

    async def append() -> None:
        async with engine.begin() as conn:
            await feed.append(conn, exam_id, [row(), row()])

    await asyncio.gather(*(append() for _ in range(10)))
    async with engine.connect() as conn:
        assert [delta.offset for delta in await feed.read_after(conn, exam_id, 0)] == list(range(1, 21))


async def test_the_epoch_names_this_history_and_stays(conn: AsyncConnection) -> None:
    assert await feed.read_epoch(conn) == await feed.read_epoch(conn) != "-"
