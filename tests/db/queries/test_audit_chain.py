import os

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit.chain import Anchor
from db.queries import audit, audit_chain
from db.queries.verify import Breach


async def note(conn: AsyncConnection, *actions: str) -> None:
    for action in actions:
        await audit.append(conn, actor_id=None, action=action, resource="exam", resource_id=1, details={"a": "b"})


async def sealed(conn: AsyncConnection) -> list[str]:
    found = await conn.execute(
        text("SELECT action FROM audit_chain JOIN audit_logs ON audit_logs.id = audit_id ORDER BY n")
    )
    return list(found.scalars())


async def break_in(conn: AsyncConnection, statement: str) -> None:
    """As the owner, around the triggers."""
    for table in ("audit_logs", "audit_chain", "audit_anchors"):
        await conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    await conn.execute(text("ALTER TABLE audit_chain DROP CONSTRAINT IF EXISTS fk_audit_chain_audit_id"))
    await conn.execute(text(statement))


@pytest.fixture
async def chained(conn: AsyncConnection) -> AsyncConnection:
    """Four rows, sealed, with an anchor."""
    await note(conn, "one", "two", "three", "four")
    await audit_chain.seal(conn)
    await audit_chain.anchor_day(conn)
    return conn


async def check(conn: AsyncConnection, *known: Anchor) -> list[Breach]:
    broken = await audit_chain.find_broken_links(conn)
    return broken + await audit_chain.find_unsealed(conn) + await audit_chain.find_lost_anchors(conn, known)


async def test_rows_are_sealed_once_in_the_order_of_their_ids(chained: AsyncConnection) -> None:
    assert await sealed(chained) == ["one", "two", "three", "four"]
    assert await audit_chain.seal(chained) == 0
    await note(chained, "five")
    assert await audit_chain.seal(chained) == 1
    assert await sealed(chained) == ["one", "two", "three", "four", "five"]
    assert await check(chained) == []


async def test_a_row_that_was_committed_late_is_sealed_after_newer_ones(chained: AsyncConnection) -> None:
    early = "00000000" + os.urandom(12).hex()
    row = "INSERT INTO audit_logs (id, action, resource, resource_id) VALUES ('{}', '{}', 'exam', '1')"
    await chained.execute(text(row.format(early, "from another year")))
    newest = (await chained.execute(text("SELECT max(audit_id::text) FROM audit_chain"))).scalar_one()
    await chained.execute(text(row.format(newest[:-1] + ("0" if newest[-1] != "0" else "1"), "late")))
    assert await audit_chain.seal(chained) == 1
    assert await audit_chain.seal(chained, everything=True) == 1
    assert (await sealed(chained))[-2:] == ["late", "from another year"]
    assert await check(chained) == []


async def test_a_changed_row_is_named(chained: AsyncConnection) -> None:
    await break_in(chained, "UPDATE audit_logs SET details = '{\"a\": \"c\"}' WHERE action = 'two'")
    row = (await chained.execute(text("SELECT id FROM audit_logs WHERE action = 'two'"))).scalar_one()
    assert await check(chained) == [Breach(f"audit row {row}", "differs from what link 2 covers")]


async def test_a_deleted_row_is_named(chained: AsyncConnection) -> None:
    row = (await chained.execute(text("SELECT id FROM audit_logs WHERE action = 'three'"))).scalar_one()
    await break_in(chained, "DELETE FROM audit_logs WHERE action = 'three'")
    assert await check(chained) == [Breach(f"audit row {row}", "is missing, but link 3 covers it")]


async def test_removed_links_are_found(chained: AsyncConnection) -> None:
    await break_in(chained, "DELETE FROM audit_chain WHERE n = 2")
    assert Breach("audit chain 3", "links 2 to 2 are missing") in await check(chained)


async def test_a_chain_that_was_cut_misses_its_anchor(chained: AsyncConnection) -> None:
    newest = await audit_chain.read_newest(chained)
    await break_in(chained, "DELETE FROM audit_chain WHERE n > 2")
    assert Breach(f"anchor {newest}", "is not in the chain") in await check(chained)


async def test_a_chain_computed_again_over_changed_rows_misses_an_anchor_from_outside(chained: AsyncConnection) -> None:
    known = await audit_chain.read_newest(chained)
    assert known is not None
    await break_in(chained, "UPDATE audit_logs SET action = 'nothing' WHERE action = 'two'")
    for table in ("audit_chain", "audit_anchors"):
        await chained.execute(text(f"DELETE FROM {table}"))
    await audit_chain.seal(chained)
    await audit_chain.anchor_day(chained)
    assert await check(chained) == []
    assert await check(chained, known) == [Breach(f"anchor {known}", "is not in the chain")]


async def test_a_row_that_the_chain_passed_over_is_found(chained: AsyncConnection) -> None:
    row = "INSERT INTO audit_logs (id, action, resource, resource_id, at) VALUES"
    await chained.execute(text(f"{row} (gen_random_uuid(), 'x', 'exam', '1', now() - interval '1 hour')"))
    found = await audit_chain.find_unsealed(chained)
    assert [breach.what[-19:] for breach in found] == ["is not in the chain"]
    assert await audit_chain.count_waiting(chained) == 1


async def test_a_day_has_one_anchor(chained: AsyncConnection) -> None:
    assert await audit_chain.anchor_day(chained) is None


async def test_without_rows_there_is_no_anchor(conn: AsyncConnection) -> None:
    assert await audit_chain.anchor_day(conn) is None
    assert await audit_chain.read_newest(conn) is None


async def test_only_one_process_seals_at_a_time(engine: AsyncEngine) -> None:
    async with engine.begin() as one, engine.begin() as other:
        assert await audit_chain.try_lock(one)
        assert not await audit_chain.try_lock(other)
