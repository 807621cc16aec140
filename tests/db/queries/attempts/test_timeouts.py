from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import ExamAttempt, HubLease
from db.queries.attempts import timeouts
from db.queries.attempts.timeouts import GRACE_S
from protocol.attempts import RUNNING, AttemptStatus
from tests.seeded_attempts import SeededAttempt, seed_attempt


async def set_deadline(conn: AsyncConnection, attempt_id: UUID, seconds_ago: float) -> None:
    deadline = func.clock_timestamp() - timedelta(seconds=seconds_ago)
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt_id).values(deadline=deadline))


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    return await seed_attempt(conn)


async def test_an_attempt_is_overdue_only_after_the_grace_period(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await set_deadline(conn, seeded.attempt_id, GRACE_S - 2)
    assert await timeouts.list_overdue(conn, RUNNING) == []
    await set_deadline(conn, seeded.attempt_id, GRACE_S + 1)
    assert await timeouts.list_overdue(conn, RUNNING) == [seeded.attempt_id]


async def test_overdue_attempts_are_listed_from_the_oldest_deadline_up_to_a_limit(conn: AsyncConnection) -> None:
    attempts = [(await seed_attempt(conn)).attempt_id for _ in range(3)]
    for attempt_id, seconds in zip(attempts, (60, 120, 90), strict=True):
        await set_deadline(conn, attempt_id, seconds)
    assert await timeouts.list_overdue(conn, RUNNING) == [attempts[1], attempts[2], attempts[0]]
    assert await timeouts.list_overdue(conn, RUNNING, limit=1) == [attempts[1]]


async def test_excluded_attempts_and_other_statuses_are_left_out(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await set_deadline(conn, seeded.attempt_id, 60)
    assert await timeouts.list_overdue(conn, RUNNING, excluded=[seeded.attempt_id]) == []
    assert await timeouts.list_overdue(conn, [AttemptStatus.PAUSED]) == []
    await conn.execute(update(ExamAttempt).values(status=AttemptStatus.SUBMITTED))
    assert await timeouts.list_overdue(conn, list(AttemptStatus)) == []


async def add_lease(conn: AsyncConnection, began_s: float, expires_s: float, ended_s: float | None = None) -> None:
    """Add the lease of a hub; all times are seconds ago."""
    now = func.clock_timestamp()
    await conn.execute(
        insert(HubLease).values(
            hub=uuid4(),
            taken_at=now - timedelta(seconds=began_s),
            expires_at=now - timedelta(seconds=expires_s),
            ended_at=None if ended_s is None else now - timedelta(seconds=ended_s),
        )
    )


async def measure_uptime_s(conn: AsyncConnection) -> float:
    uptime = select(func.extract("epoch", func.clock_timestamp() - func.pg_postmaster_start_time()))
    return float((await conn.execute(uptime)).scalar_one())


@pytest.mark.parametrize(
    ("leases", "is_available"),
    [
        pytest.param([(3600, -10, None)], True, id="one hub"),
        pytest.param([(3600, -10, 0), (30, -10, None)], True, id="one hub followed another"),
        pytest.param([], False, id="no hub"),
        pytest.param([(0, -10, None)], False, id="the only hub began just now"),
        pytest.param([(3600, 30, None)], False, id="the lease of the only hub has expired"),
        pytest.param([(3600, 30, 20), (0, -10, None)], False, id="a gap between two hubs"),
    ],
)
async def test_deadlines_are_enforced_only_after_some_time_without_an_outage(
    conn: AsyncConnection, leases: list[tuple[float, float, float | None]], is_available: bool
) -> None:
    for lease in leases:
        await add_lease(conn, *lease)
    patience_s = await measure_uptime_s(conn) / 2
    assert await timeouts.has_been_available(conn, patience_s) is is_available


async def test_shortly_after_a_start_of_postgresql_no_deadline_is_enforced(conn: AsyncConnection) -> None:
    await add_lease(conn, 100_000, -10)
    assert not await timeouts.has_been_available(conn, await measure_uptime_s(conn) + 60)
