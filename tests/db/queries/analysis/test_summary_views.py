from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import begin_unguarded
from db.models import ExamAttempt
from db.queries.analysis import summary_views
from tests.seeded_attempts import end, seed_attempt


async def test_summaries_are_as_old_as_the_oldest_change_and_of_no_age_without_one(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        assert await summary_views.read_age_s(conn) is None
        await end(conn, await seed_attempt(conn))
    async with engine.connect() as conn:
        age_s = await summary_views.read_age_s(conn)
        assert age_s is not None
        assert 0 <= age_s < 60
    async with begin_unguarded(engine) as conn:
        await summary_views.rebuild_summaries(conn)
    async with engine.connect() as conn:
        assert await summary_views.read_age_s(conn) is None
        summed = (await conn.execute(text("SELECT exam_id, total_attempts FROM exam_performance_summary"))).one()
        assert tuple(summed) == ((await conn.execute(select(ExamAttempt.exam_id))).scalar_one(), 1)


async def test_only_one_worker_gets_the_lock(engine: AsyncEngine) -> None:
    async with engine.begin() as first, engine.begin() as second:
        assert await summary_views.try_lock(first)
        assert not await summary_views.try_lock(second)
        await first.commit()
        assert await summary_views.try_lock(second)
