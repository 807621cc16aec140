"""Each section has the rows of one student, or of one exam of that student."""

from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.student import own_data
from db.queries.student.attempt_view import Owner
from db.queries.student.own_data import SECTIONS
from tests.factories import make_flag
from tests.seeded_attempts import SeededAttempt, answer, seed_attempt


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    attempt = await seed_attempt(conn)
    for mono in (1, 2, 3):
        await answer(conn, attempt, "a", "x", mono)
    await make_flag(conn, attempt.attempt_id)
    return attempt


async def test_sections_have_the_rows_of_the_student(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    owner = Owner(seeded.student_id)
    rows = {name: await own_data.read_section(conn, name, owner) for name in SECTIONS}
    assert [row["attempt_id"] for row in rows["attempts"]] == [str(seeded.attempt_id)]
    assert [row["value"] for row in rows["answers"]] == ["x"] * 3
    assert rows["findings"] == []
    assert (await own_data.count_withheld(conn, owner)).findings == 1


@pytest.mark.parametrize("name", SECTIONS)
async def test_a_section_has_nothing_of_another_student(
    conn: AsyncConnection, seeded: SeededAttempt, name: str
) -> None:
    assert await own_data.read_section(conn, name, Owner(uuid4())) == []


async def test_another_exam_has_no_attempts_and_no_streams(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    elsewhere = Owner(seeded.student_id, uuid4())
    assert await own_data.read_section(conn, "attempts", elsewhere) == []
    assert await own_data.list_streams(conn, elsewhere) == []


async def test_events_are_read_in_parts(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert seeded.stream_id in await own_data.list_streams(conn, Owner(seeded.student_id))
    first = await own_data.read_events(conn, seeded.stream_id, 0, limit=2)
    rest = await own_data.read_events(conn, seeded.stream_id, first[-1]["seq"], limit=2)
    assert [row["seq"] for row in (*first, *rest)] == [1, 2, 3]
    assert first[0]["data_payload"] == {"item": "a", "value": "x"}
