"""Only its student reads an attempt, with the items of its version and without keys."""

from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.models import Exam, ExamItem
from db.queries.student.attempt_view import Owner, PaperItem, is_stored, list_item_names, read_attempt_view
from tests.factories import make_stream
from tests.seeded_attempts import KEYED, WITH_TEXT, answer, end, seed_attempt


async def test_an_attempt_keeps_the_items_it_was_started_with(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, WITH_TEXT)
    await conn.execute(update(Exam).values(enable_monitoring=False))
    owner = Owner(seeded.student_id)
    before = await read_attempt_view(conn, seeded.attempt_id, owner)
    await conn.execute(update(Exam).values(items_version=2))
    await conn.execute(
        insert(ExamItem).values(
            exam_id=seeded.exam_id, version=2, item="z", position=1, kind="text", prompt="New", points=1
        )
    )
    after = await read_attempt_view(conn, seeded.attempt_id, owner)
    assert [item.item for item in after.items] == ["a", "b", "c", "d"]
    assert msgspec.structs.replace(after, server_at=before.server_at) == before
    assert await list_item_names(conn, seeded.attempt_id, owner) == {"a", "b", "c", "d"}


def test_an_item_for_students_has_no_field_for_a_key() -> None:
    assert set(PaperItem.__struct_fields__) == {"item", "kind", "prompt", "choices", "points"}


async def test_attempts_of_other_students_and_exams_of_other_codes_are_not_found(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    for owner in (Owner(uuid4()), Owner(seeded.student_id, uuid4())):
        with pytest.raises(NotFound):
            await read_attempt_view(conn, seeded.attempt_id, owner)
        with pytest.raises(NotFound):
            await list_item_names(conn, seeded.attempt_id, owner)
    assert await read_attempt_view(conn, seeded.attempt_id, Owner(seeded.student_id, seeded.exam_id))


async def test_an_exam_without_items_is_read_without_items(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, [])
    assert await list_item_names(conn, seeded.attempt_id, Owner(seeded.student_id)) == set()


async def test_the_receipt_is_part_of_the_attempt_view_after_the_end(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, KEYED)
    owner = Owner(seeded.student_id)
    assert (await read_attempt_view(conn, seeded.attempt_id, owner)).receipt is None
    ended = await end(conn, seeded)
    assert (await read_attempt_view(conn, seeded.attempt_id, owner)).receipt == ended.receipt


async def test_only_a_stream_of_the_attempt_can_have_something_to_come(conn: AsyncConnection) -> None:
    seeded, other = await seed_attempt(conn), await seed_attempt(conn)
    last = await answer(conn, seeded, "a", "x", 1_000)
    assert await is_stored(conn, seeded.attempt_id, seeded.stream_id, last)
    assert not await is_stored(conn, seeded.attempt_id, seeded.stream_id, last + 1)
    assert not await is_stored(conn, seeded.attempt_id, await make_stream(conn, seeded.attempt_id), 1)
    for stream in (other.stream_id, uuid4()):
        assert await is_stored(conn, seeded.attempt_id, stream, 99)
