"""Views are refreshed soon after a change, once for many changes, and no transaction waits for it."""

import asyncio

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import ExamAttempt
from db.queries.analysis import summary_views as queries
from tests.seeded_attempts import end, seed_attempt
from workers.jobs.summary_views import MAX_AGE_S, SummaryViews


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refreshed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the refreshes of the views."""
    times: list[int] = []
    refresh = queries.refresh_views

    async def count(conn: AsyncConnection) -> None:
        times.append(1)
        await refresh(conn)

    monkeypatch.setattr(queries, "refresh_views", count)
    return times


async def count_rows(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as conn:
        return [(await conn.execute(text(f"SELECT count(*) FROM {view}"))).scalar_one() for view in queries.VIEWS]


async def test_a_change_is_shown_after_the_next_run(engine: AsyncEngine, clock: Clock) -> None:
    views = SummaryViews(engine, clock)
    await views.keep_fresh()
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
    assert await count_rows(engine) == [0, 0]
    await views.keep_fresh()
    assert await count_rows(engine) == [0, 0], "no change was noted"
    views.touch()
    await views.keep_fresh()
    assert await count_rows(engine) == [1, 1]
    async with engine.connect() as conn:
        age_s = await queries.read_age_s(conn)
    assert age_s is not None
    assert age_s < 60


async def test_many_changes_are_one_refresh_and_no_change_is_no_refresh(
    engine: AsyncEngine, clock: Clock, refreshed: list[int]
) -> None:
    views = SummaryViews(engine, clock)
    for _ in range(3):
        views.touch()
    for _ in range(3):
        await views.keep_fresh()
    assert len(refreshed) == 1
    clock.now_s += MAX_AGE_S + 1
    await views.keep_fresh()
    assert len(refreshed) == 2, "another worker may have changed something, and died"


async def test_reads_and_writes_continue_during_a_refresh(engine: AsyncEngine, clock: Clock) -> None:
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
        await conn.execute(update(ExamAttempt).values(lmi=1.0))
        await conn.execute(text("SELECT * FROM exam_performance_summary"))
        await asyncio.wait_for(SummaryViews(engine, clock).keep_fresh(), 10)
        assert (await conn.execute(select(ExamAttempt.lmi))).scalar_one() == 1.0


async def test_a_refresh_locked_by_another_process_is_repeated(
    engine: AsyncEngine, clock: Clock, refreshed: list[int]
) -> None:
    views = SummaryViews(engine, clock)
    async with engine.begin() as conn:
        assert await queries.try_lock(conn)
        await views.keep_fresh()
        assert refreshed == []
    await views.keep_fresh()
    assert len(refreshed) == 1


async def test_a_refresh_that_fails_is_still_due(
    engine: AsyncEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = SummaryViews(engine, clock)
    await views.keep_fresh()
    views.touch()

    async def fail(_conn: object) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "refresh_views", fail)
        with pytest.raises(OSError, match="away"):
            await views.keep_fresh()
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
    await views.keep_fresh()
    assert await count_rows(engine) == [1, 1]
