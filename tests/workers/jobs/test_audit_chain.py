from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.queries import audit, audit_chain
from workers.jobs.audit_chain import AuditSealer


async def note(engine: AsyncEngine, count: int) -> None:
    async with engine.begin() as conn:
        for number in range(count):
            await audit.append(conn, actor_id=None, action="act", resource="exam", resource_id=number)


async def count_links(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        return int((await conn.execute(text("SELECT count(*) FROM audit_chain"))).scalar_one())


async def test_a_worker_seals_new_rows_and_logs_one_anchor_a_day(engine: AsyncEngine) -> None:
    sealer = AuditSealer(engine)
    await note(engine, 3)
    with capture_logs() as logged:
        await sealer.seal()
        await note(engine, 2)
        await sealer.seal()
    assert await count_links(engine) == 5
    anchors = [entry for entry in logged if entry["event"] == "audit anchor"]
    assert [entry["n"] for entry in anchors] == [3]
    assert anchors[0]["anchor"] == f"3:{anchors[0]['hash']}"


async def test_rows_of_any_age_are_sealed_once_an_hour(engine: AsyncEngine) -> None:
    now_s = 0.0
    sealer = AuditSealer(engine, lambda: now_s)
    await note(engine, 1)
    await sealer.seal()
    async with engine.begin() as conn:
        await conn.execute(
            text("INSERT INTO audit_logs (id, action, resource, resource_id) "
                 "VALUES ('00000000-0000-7000-8000-000000000001', 'old', 'exam', '1')")
        )  # fmt: skip
    await sealer.seal()
    assert await count_links(engine) == 1
    now_s = 3600.0
    await sealer.seal()
    assert await count_links(engine) == 2


async def test_while_another_process_seals_nothing_is_done(engine: AsyncEngine) -> None:
    await note(engine, 1)
    async with engine.begin() as other:
        assert await audit_chain.try_lock(other)
        await AuditSealer(engine).seal()
        assert await count_links(engine) == 0
