"""Summaries follow what changed: only its exam and student are added up, and no transaction waits for it."""

import asyncio

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import ExamAttempt, ExamCount, ExamPerformance, RiskSummary
from db.queries.analysis import summary_views as queries
from tests.seeded_attempts import end, seed_attempt
from workers.jobs.summary_views import REBUILT_S, SummaryViews


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def count_rows(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as conn:
        return [(await conn.execute(text(f"SELECT count(*) FROM {view}"))).scalar_one() for view in queries.VIEWS]


async def test_a_change_is_shown_after_the_next_run(engine: AsyncEngine, clock: Clock) -> None:
    views = SummaryViews(engine, clock)
    await views.keep_fresh()
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
        assert await queries.read_age_s(conn) is not None
    assert await count_rows(engine) == [0, 0]
    await views.keep_fresh()
    assert await count_rows(engine) == [1, 1]
    async with engine.connect() as conn:
        assert await queries.read_age_s(conn) is None, "no change waits"


async def test_only_the_exam_and_the_student_of_a_change_are_added_up(engine: AsyncEngine, clock: Clock) -> None:
    async with engine.begin() as conn:
        first, second = await seed_attempt(conn), await seed_attempt(conn)
        await end(conn, first)
        await end(conn, second)
    views = SummaryViews(engine, clock)
    await views.keep_fresh()
    as_of = select(ExamPerformance.exam_id, ExamPerformance.as_of)
    async with engine.begin() as conn:
        before = dict((await conn.execute(as_of)).all())
        await conn.execute(update(ExamAttempt).where(ExamAttempt.id == first.attempt_id).values(percentage=50.0))
    await views.keep_fresh()
    async with engine.connect() as conn:
        after = dict((await conn.execute(as_of)).all())
        shown = await conn.execute(
            select(ExamPerformance.average_score).where(ExamPerformance.exam_id == first.exam_id)
        )
        assert shown.scalar_one() == 50.0
        risk = await conn.execute(select(RiskSummary.average_score).where(RiskSummary.student_id == first.student_id))
        assert risk.scalar_one() == 50.0
    assert {exam_id for exam_id in after if after[exam_id] != before[exam_id]} == {first.exam_id}


async def test_what_is_added_up_part_by_part_is_what_is_added_up_at_once(engine: AsyncEngine, clock: Clock) -> None:
    async with engine.begin() as conn:
        for lmi in (1.0, 2.0, 3.0):
            attempt = await seed_attempt(conn)
            await end(conn, attempt)
            await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt.attempt_id).values(lmi=lmi))
    await SummaryViews(engine, clock).keep_fresh()
    for view in queries.VIEWS:
        rows = text(f"SELECT to_jsonb(shown) - 'as_of' FROM {view} AS shown ORDER BY 1")
        async with engine.begin() as conn:
            parts = (await conn.execute(rows)).scalars().all()
            await queries.rebuild_summaries(conn)
            assert (await conn.execute(rows)).scalars().all() == parts
            assert len(parts) == 3


async def test_many_changes_are_taken_in_parts(
    engine: AsyncEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "CHANGES_AT_ONCE", 1)
    async with engine.begin() as conn:
        for _ in range(3):
            await end(conn, await seed_attempt(conn))
    await SummaryViews(engine, clock).keep_fresh()
    assert await count_rows(engine) == [3, 3]


async def test_an_exam_without_an_ended_attempt_has_no_row(engine: AsyncEngine, clock: Clock) -> None:
    views = SummaryViews(engine, clock)
    async with engine.begin() as conn:
        await end(conn, attempt := await seed_attempt(conn))
    await views.keep_fresh()
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt.attempt_id).values(completed_at=None))
    await views.keep_fresh()
    assert await count_rows(engine) == [0, 0]


async def test_all_are_added_up_again_once_a_day(engine: AsyncEngine, clock: Clock) -> None:
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
    views = SummaryViews(engine, clock)
    await views.keep_fresh()
    async with engine.begin() as conn:
        await conn.execute(delete(ExamPerformance))
    await views.keep_fresh()
    assert await count_rows(engine) == [0, 1], "no change was noted"
    clock.now_s += REBUILT_S + 1
    await views.keep_fresh()
    assert await count_rows(engine) == [1, 1]


async def test_reads_and_writes_continue_during_an_update(engine: AsyncEngine, clock: Clock) -> None:
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
        await conn.execute(update(ExamAttempt).values(lmi=1.0))
        await conn.execute(text("SELECT * FROM exam_performance_summary"))
        await asyncio.wait_for(SummaryViews(engine, clock).keep_fresh(), 10)
        assert (await conn.execute(select(ExamAttempt.lmi))).scalar_one() == 1.0


async def test_while_another_process_updates_the_changes_are_left_to_it(engine: AsyncEngine, clock: Clock) -> None:
    views = SummaryViews(engine, clock)
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))
    async with engine.begin() as conn:
        assert await queries.try_lock(conn)
        await views.keep_fresh()
    assert await count_rows(engine) == [0, 0]
    await views.keep_fresh()
    assert await count_rows(engine) == [1, 1]


async def test_an_update_that_fails_is_still_due(
    engine: AsyncEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = SummaryViews(engine, clock)
    async with engine.begin() as conn:
        await end(conn, await seed_attempt(conn))

    async def fail(_conn: AsyncConnection) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "merge_counts", fail)
        with pytest.raises(OSError, match="away"):
            await views.keep_fresh()
    await views.keep_fresh()
    assert await count_rows(engine) == [1, 1]


async def test_counts_of_an_exam_become_one_row_with_the_same_sum(engine: AsyncEngine, clock: Clock) -> None:
    counts = select(ExamCount.roster, ExamCount.attempts, ExamCount.running, ExamCount.ungraded)
    async with engine.begin() as conn:
        attempt = await seed_attempt(conn)
        await end(conn, attempt)
        before = (await conn.execute(counts)).all()
    assert len(before) > 1
    await SummaryViews(engine, clock).keep_fresh()
    async with engine.connect() as conn:
        after = (await conn.execute(counts)).one()
    assert tuple(after) == tuple(map(sum, zip(*before, strict=True)))
