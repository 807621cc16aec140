import time
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.models import FeedHead, FeedRow, IdempotencyKey, WsTicket
from db.partitions import DAYS_AHEAD
from db.queries import feed, verify
from db.queries.connections import hub_leases
from db.queries.events import partitions
from protocol.roles import Role
from tests.factories import make_exam, make_user
from workers.jobs.maintenance import run_maintenance


async def test_partitions_are_created_ahead_again(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        now = (await conn.execute(text("SELECT now() AT TIME ZONE 'UTC'"))).scalar_one()
        await conn.execute(text(f"DROP TABLE monitoring_events_{now + timedelta(days=2):%Y_%m_%d}"))
        assert await partitions.count_days_ahead(conn) == 1
    await run_maintenance(engine)
    async with engine.connect() as conn:
        assert await partitions.count_days_ahead(conn) >= DAYS_AHEAD


async def test_a_long_read_postpones_partitions_and_no_one_waits(engine: AsyncEngine) -> None:
    """A `verify` or a dump keeps its lock to its end. A stronger lock that waits for it blocks all others."""
    async with engine.begin() as conn:
        now = (await conn.execute(text("SELECT now() AT TIME ZONE 'UTC'"))).scalar_one()
        await conn.execute(text(f"DROP TABLE monitoring_events_{now + timedelta(days=2):%Y_%m_%d}"))
    async with verify.read_snapshot(engine) as reader:
        await reader.execute(text("SELECT count(*) FROM monitoring_events"))
        began = time.monotonic()
        await run_maintenance(engine)
        assert time.monotonic() - began < 0.9, "the usual patience is a second"
    async with engine.connect() as conn:
        assert await partitions.count_days_ahead(conn) == 1
    await run_maintenance(engine)
    async with engine.connect() as conn:
        assert await partitions.count_days_ahead(conn) >= DAYS_AHEAD


async def test_idempotency_keys_are_deleted_after_a_day(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        user_id = await make_user(conn, role=Role.TEACHER)
        row = {"user_id": user_id, "digest": "d", "status": 201, "response": "{}"}
        for name, age in (("old", timedelta(hours=25)), ("new", timedelta(hours=23))):
            await conn.execute(insert(IdempotencyKey).values(row | {"hash": name, "created_at": func.now() - age}))
    await run_maintenance(engine)
    async with engine.connect() as conn:
        assert (await conn.execute(select(IdempotencyKey.hash))).scalars().all() == ["new"]


async def test_a_part_that_fails_does_not_stop_the_others(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def fail(*_: object) -> None:
        raise OSError("away")

    async def trim(*_: object) -> int:
        done.append("trimmed")
        return 0

    monkeypatch.setattr(partitions, "create_partitions", fail)
    monkeypatch.setattr(hub_leases, "delete_ended_leases", fail)
    monkeypatch.setattr(feed, "trim_feeds", trim)
    with pytest.raises(OSError, match="away"):
        await run_maintenance(engine)
    assert done == ["trimmed"]


async def test_only_expired_tickets_are_deleted(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        user_id = await make_user(conn)
        for name, seconds in ((b"expired", -1), (b"living", 30)):
            await conn.execute(
                insert(WsTicket).values(
                    hash=name,
                    user_id=user_id,
                    purpose="monitor",
                    session=uuid7(),
                    expires_at=func.now() + timedelta(seconds=seconds),
                )
            )
    await run_maintenance(engine)
    async with engine.connect() as conn:
        assert (await conn.execute(select(WsTicket.hash))).scalars().all() == [b"living"]


async def test_old_rows_of_long_feeds_are_deleted(engine: AsyncEngine) -> None:
    """More rows than one transaction deletes."""
    async with engine.begin() as conn:
        teacher_id = await make_user(conn, role=Role.TEACHER)
        exam_ids = [await make_exam(conn, teacher_id) for _ in range(3)]
        rows = text(
            """
            INSERT INTO exam_feed (exam_id, "offset", kind, body, appended_at)
            SELECT exam_id, n, 'score', '{}', now() - interval '3 days'
            FROM unnest(cast(:exams AS uuid[])) AS exam_id, generate_series(1, 8000) AS n
            """
        )
        await conn.execute(rows, {"exams": exam_ids})
        await conn.execute(update(FeedHead).values(head=8_000))
    await run_maintenance(engine)
    async with engine.connect() as conn:
        assert (await conn.execute(select(FeedRow.offset))).scalars().all() == [8_000] * 3


async def test_repeating_maintenance_changes_nothing(engine: AsyncEngine) -> None:
    await run_maintenance(engine)
    async with engine.connect() as conn:
        ahead = await partitions.count_days_ahead(conn)
    await run_maintenance(engine)
    async with engine.connect() as conn:
        assert await partitions.count_days_ahead(conn) == ahead == DAYS_AHEAD
