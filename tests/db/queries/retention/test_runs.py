"""Runs of the retention job, addresses and results of commands."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import AuditSource, CommandRecord, RetentionRun, User
from db.queries import audit
from db.queries.retention import runs
from tests.factories import make_user
from tests.seeded_attempts import seed_attempt

DAY = timedelta(days=1)


async def test_a_run_is_due_a_day_after_the_last_finished_one_began(conn: AsyncConnection) -> None:
    run_id = await runs.begin_run(conn)
    assert await runs.is_due(conn, DAY), "it has not finished"
    await runs.finish_run(conn, run_id, {"events": 3})
    assert not await runs.is_due(conn, DAY)
    await conn.execute(text("UPDATE retention_runs SET started_at = now() - interval '25 hours'"))
    assert await runs.is_due(conn, DAY)
    assert (await conn.execute(select(RetentionRun.deleted))).scalar_one() == {"events": 3}


async def test_the_lock_of_a_killed_process_is_free(engine: AsyncEngine) -> None:
    killed = await engine.connect()
    async with engine.connect() as other:
        assert await runs.try_lock(killed)
        assert not await runs.try_lock(other)
        await killed.invalidate()
        await killed.close()
        await other.execute(text("SELECT pg_sleep(0)"))
        async with engine.connect() as third:
            while not await runs.try_lock(third):
                await third.execute(text("SELECT pg_sleep(0.01)"))
            await runs.unlock(third)


async def test_old_addresses_and_browsers_are_deleted(conn: AsyncConnection) -> None:
    old, recent = await make_user(conn), await make_user(conn)
    for user_id, days in ((old, 91), (recent, 89)):
        await audit.append(conn, actor_id=user_id, action="login", resource="user", resource_id=user_id)
        at = func.now() - timedelta(days=days)
        newest = select(text("id")).select_from(text("audit_logs")).order_by(text("id DESC")).limit(1)
        audit_id = (await conn.execute(newest)).scalar_one()
        await conn.execute(insert(AuditSource).values(audit_id=audit_id, address="192.0.2.1", user_agent="x", at=at))
        await conn.execute(
            text(
                "UPDATE users SET last_login = now() - make_interval(days => :days), last_login_ip = 'x' WHERE id = :id"
            ),
            {"days": days, "id": user_id},
        )
    assert await runs.delete_addresses(conn, 90) == 2
    kept = await conn.execute(select(User.id).where(User.last_login_ip.is_not(None)))
    assert kept.scalars().all() == [recent]
    assert (await conn.execute(select(func.count()).select_from(AuditSource))).scalar_one() == 1


async def test_old_results_of_commands_are_deleted(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    for days in (91, 89):
        await conn.execute(
            insert(CommandRecord).values(
                id=uuid4(),
                exam_id=seeded.exam_id,
                actor_id=seeded.teacher_id,
                action="message",
                result={},
                given_at=func.now() - timedelta(days=days),
            )
        )
    assert await runs.delete_commands(conn, 90) == 1
