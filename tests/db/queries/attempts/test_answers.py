"""Revisions of answers: their rank follows rule time, and the last one counts while the attempt runs."""

import random
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries.attempts.answers import (
    LateAnswer,
    SubmittedAnswer,
    find_new,
    list_late_answers,
    list_revisions,
    read_current_answers,
    store_new,
)
from tests.candidates import system_events
from tests.factories import make_stream
from tests.seeded_attempts import answer, end, seed_attempt


async def read_revisions(conn: AsyncConnection, attempt_id: UUID) -> list[tuple[str, int, object, bool]]:
    revisions = await list_revisions(conn, attempt_id, limit=200)
    return [(revision.item, revision.revision, revision.value, revision.stands) for revision in revisions]


async def store(conn: AsyncConnection, attempt_id: UUID, given: list[SubmittedAnswer]) -> int:
    """Store the new answers of a submission; return how many were new."""
    new = await find_new(conn, {attempt_id: given})
    if new:
        await store_new(conn, new)
    return len(new.get(attempt_id, ()))


async def test_revisions_are_ranked_by_when_they_were_given_and_not_by_when_they_came(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    other = msgspec.structs.replace(seeded, stream_id=await make_stream(conn, seeded.attempt_id))
    given = [(attempt, mono) for attempt in (seeded, other) for mono in range(1_000, 6_000, 1_000)]
    random.Random(7).shuffle(given)
    for attempt, mono in given:
        await answer(conn, attempt, "a", f"{mono} {attempt is other}", mono)
    expected = [f"{mono} {stream}" for mono in range(1_000, 6_000, 1_000) for stream in (False, True)]
    assert await read_revisions(conn, seeded.attempt_id) == [
        ("a", rank, value, rank == 10) for rank, value in enumerate(expected, 1)
    ]
    standing = await read_current_answers(conn, seeded.attempt_id)
    assert (standing["a"].value, standing["a"].revision) == ("5000 True", 10)


async def test_a_cleared_answer_is_a_revision_that_counts(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "x", 1_000)
    await answer(conn, seeded, "a", None, 2_000)
    assert await read_revisions(conn, seeded.attempt_id) == [("a", 1, "x", False), ("a", 2, None, True)]


async def test_a_submission_stores_only_changed_answers_as_later_revisions(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "x", 1_000)
    assert await store(conn, seeded.attempt_id, [SubmittedAnswer("a", "x")]) == 0
    assert await store(conn, seeded.attempt_id, [SubmittedAnswer("b", ["y"]), SubmittedAnswer("a", "z")]) == 2
    assert await store(conn, seeded.attempt_id, [SubmittedAnswer("a", "z"), SubmittedAnswer("b", ["y"])]) == 0
    assert await read_revisions(conn, seeded.attempt_id) == [
        ("a", 1, "x", False),
        ("a", 2, "z", True),
        ("b", 1, ["y"], True),
    ]
    assert (await system_events(conn, seeded.attempt_id))[1:] == [
        ("answer_submitted", {"item": "b", "value": ["y"]}),
        ("answer_submitted", {"item": "a", "value": "z"}),
    ]


async def test_a_page_begins_after_the_given_revision(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    for mono in (1_000, 2_000, 3_000):
        for item in ("a", "b"):
            await answer(conn, seeded, item, mono, mono)
    page = await list_revisions(conn, seeded.attempt_id, after=("a", 2), limit=2)
    assert [(row.item, row.revision) for row in page] == [("a", 3), ("b", 1)]


async def test_an_answer_that_arrives_after_the_end_is_listed_with_its_lateness(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        await answer(conn, seeded, "a", "x", 1_000)
        await answer(conn, seeded, "b", ["x"], 1_000)
        assert await list_late_answers(conn, seeded.attempt_id) == []
    async with engine.begin() as conn:
        await end(conn, seeded)
        assert await list_late_answers(conn, seeded.attempt_id) == []
    async with engine.begin() as conn:
        await answer(conn, seeded, "a", "y", 2_000)
        await answer(conn, seeded, "b", ["x"], 2_000)
        await answer(conn, seeded, "c", 9.81, 500)
        late = await list_late_answers(conn, seeded.attempt_id)
        assert [one.item for one in late] == ["a", "c"]
        assert all(isinstance(one, LateAnswer) and 0 <= one.late_ms < 60_000 for one in late)
