import io

import pytest
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.verify import read_snapshot
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_stream, make_user, store_events
from veritas.audit import verify


@pytest.fixture
def out() -> Console:
    return Console(width=160, record=True, quiet=False, force_terminal=False)


async def fill(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
        attempt_id = await make_attempt(conn, exam_id, await make_user(conn))
        stream_id = await make_stream(conn, attempt_id)
        await store_events(conn, stream_id, [("alive", {}, number) for number in range(1, 6)])


async def test_an_empty_record_keeps_every_law(engine: AsyncEngine, out: Console) -> None:
    assert await verify.run(engine, out) == 0
    assert out.export_text().count("✓") == len(verify.LAWS) + 1


async def test_a_whole_record_keeps_every_law_and_is_measured(engine: AsyncEngine, out: Console) -> None:
    await fill(engine)
    assert await verify.run(engine, out) == 0
    lines = out.export_text().splitlines()
    assert lines[0] == "6 events in 2 streams, 1 feeds, 1 cursors"
    assert len(lines) == 2 + len(verify.LAWS)


async def test_a_breach_is_printed_under_its_law_and_exits_with_code_1(engine: AsyncEngine, out: Console) -> None:
    await fill(engine)
    async with engine.begin() as conn:
        await conn.execute(text("DELETE FROM monitoring_events WHERE seq IN (2, 3) AND event_type = 'alive'"))
        await conn.execute(text("UPDATE feed_heads SET head = 9"))
    assert await verify.run(engine, out) == 1
    written = out.export_text()
    assert written.count("✗") == 2
    assert "2 to 3 are missing" in written
    assert "head 9, but 1 rows from 1 to 1" in written


async def test_a_verification_snapshot_is_read_only(engine: AsyncEngine) -> None:
    async with read_snapshot(engine) as conn:
        with pytest.raises(Exception, match="read-only transaction"):
            await conn.execute(text("DELETE FROM feed_heads"))


async def test_reproducing_a_whole_record_says_how_much_there_was(engine: AsyncEngine, out: Console) -> None:
    await fill(engine)
    assert await verify.run(engine, out, reproduce=True) == 0
    written = out.export_text()
    assert written.count("✓") == len(verify.LAWS) + 1 + len(verify.LAWS_OF_FOLDS)
    assert "0 events of 1 attempts folded again" in written


async def test_attempts_that_cannot_be_folded_again_are_a_note_and_no_error(engine: AsyncEngine, out: Console) -> None:
    await fill(engine)
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE exam_attempts SET rulebook_version = 9"))
    assert await verify.run(engine, out, reproduce=True) == 0
    assert "· rulebook 9 is not supported: 1 attempt not folded again" in out.export_text()


async def test_a_score_that_cannot_be_reproduced_exits_with_code_1(engine: AsyncEngine, out: Console) -> None:
    await fill(engine)
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE exam_attempts SET integrity_score = 0.5, coverage = 1"))
    assert await verify.run(engine, out) == 0, "nothing is folded again by default"
    assert await verify.run(engine, out, reproduce=True) == 1
    assert "integrity is 0.5, but 1.0 follows from the flags that count" in out.export_text()


async def test_a_terminal_shows_the_progress(engine: AsyncEngine) -> None:
    await fill(engine)
    output = io.StringIO()
    terminal = Console(width=160, force_terminal=True, file=output, record=True)
    assert await verify.run(engine, terminal, reproduce=True) == 0
    assert "folding again" in output.getvalue()
