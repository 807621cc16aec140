"""Holds: placed, listed, released; never on what is deleted."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import Conflict, NotFound
from db.queries.retention import holds
from protocol.roles import Role
from tests.factories import make_user
from tests.seeded_attempts import SeededAttempt, seed_attempt

_PAST = (
    "UPDATE exam_attempts SET status = 'submitted', completed_at = now() - interval '90 days', "
    "events_deleted_at = now()"
)


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    return await seed_attempt(conn)


async def test_a_hold_names_who_placed_it_and_until_when(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    admin = await make_user(conn, role=Role.ADMIN)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    hold = await holds.place_hold(conn, seeded.attempt_id, placed_by=admin, reason="an appeal", until=until)
    assert (hold.reason, hold.until, hold.placed_by) == ("an appeal", to_ms(until), f"u-{admin}")
    assert await holds.list_holds(conn) == [hold]


async def test_a_released_hold_is_not_listed_and_stays_released(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    hold = await holds.place_hold(conn, seeded.attempt_id, placed_by=None, reason="x", until=None)
    released = await holds.release_hold(conn, hold.hold_id, released_by=None)
    assert released.released_at is not None
    assert await holds.release_hold(conn, hold.hold_id, released_by=None) == released
    assert await holds.list_holds(conn) == []


async def test_holds_of_one_attempt_are_listed_alone(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    other = await seed_attempt(conn)
    hold = await holds.place_hold(conn, seeded.attempt_id, placed_by=None, reason="x", until=None)
    await holds.place_hold(conn, other.attempt_id, placed_by=None, reason="y", until=None)
    assert await holds.list_holds(conn, attempt_id=seeded.attempt_id) == [hold]


async def test_holds_are_listed_page_by_page(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    placed = [
        await holds.place_hold(conn, seeded.attempt_id, placed_by=None, reason=reason, until=None) for reason in "abc"
    ]
    first = await holds.list_holds(conn, limit=2)
    assert [hold.reason for hold in first] == ["c", "b"]
    assert await holds.list_holds(conn, after=first[-1].hold_id) == placed[:1]


async def test_what_is_left_after_the_events_is_held(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(text(f"{_PAST}, reviews_deleted_at = now()"))
    hold = await holds.place_hold(conn, seeded.attempt_id, placed_by=None, reason="a late appeal", until=None)
    assert await holds.list_holds(conn) == [hold]


@pytest.mark.parametrize(
    "gone",
    [
        f"{_PAST}, reviews_deleted_at = now(), answers_deleted_at = now()",
        "UPDATE exams SET deleting_at = now()",
        "UPDATE users SET erased_at = now()",
    ],
)
async def test_what_is_deleted_cannot_be_held(conn: AsyncConnection, seeded: SeededAttempt, gone: str) -> None:
    await conn.execute(text(gone))
    with pytest.raises(Conflict, match="deleted already"):
        await holds.place_hold(conn, seeded.attempt_id, placed_by=None, reason="x", until=None)


async def test_an_unknown_attempt_or_hold_is_not_found(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await holds.place_hold(conn, uuid4(), placed_by=None, reason="x", until=None)
    with pytest.raises(NotFound):
        await holds.release_hold(conn, uuid4(), released_by=None)
