"""What `veritas retention` prints and does."""

import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog
from db.queries.retention import runs
from db.retention.times import Times
from tests.workers.history import History
from veritas import retention
from veritas.cli import cli
from veritas.errors import VeritasError

TIMES = Times(events=90, reviews=180, answers=365, addresses=90)


@pytest.fixture
async def history(engine: AsyncEngine) -> History:
    return await History(engine).open()


@pytest.fixture
def out() -> Console:
    return Console(width=160, record=True, file=io.StringIO())


async def test_a_dry_run_prints_what_goes_and_what_is_held_and_why(
    engine: AsyncEngine, history: History, out: Console
) -> None:
    past = await history.add(100)
    held = await history.add(110, flag="open")
    await retention.show_plan(engine, TIMES, out)
    printed = out.export_text()
    assert "events: 1 attempts past their time" in printed
    assert "held: 1 attempts, because a flag is open or escalated" in printed
    lines = {day: next(line for line in printed.splitlines() if str(day) in line) for day in (past.day, held.day)}
    assert "is dropped" in lines[past.day]
    assert "1: a flag is open or escalated" in lines[held.day]


async def test_without_old_partitions_it_says_so(engine: AsyncEngine, out: Console) -> None:
    await retention.show_plan(engine, TIMES, out)
    assert "no partition is old enough" in out.export_text()


async def test_a_run_prints_what_it_deleted(engine: AsyncEngine, history: History, out: Console) -> None:
    await history.add(100)
    await retention.run_now(engine, TIMES, out)
    assert "partitions: 1" in out.export_text().splitlines()


async def test_a_run_beside_a_worker_is_refused_with_what_to_do(engine: AsyncEngine, out: Console) -> None:
    async with engine.connect() as worker:
        await runs.try_lock(worker)
        with pytest.raises(VeritasError, match="wait until it has finished"):
            await retention.run_now(engine, TIMES, out)


async def test_a_hold_is_placed_and_released_with_an_audit_row(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(100)
    until = datetime.now(UTC) + timedelta(days=3)
    hold_id = await retention.place_hold(engine, attempt.attempt_id, "an appeal", until)
    await retention.release_hold(engine, hold_id)
    async with engine.connect() as conn:
        found = await conn.execute(select(AuditLog.action, AuditLog.resource_id).order_by(AuditLog.id))
        assert [tuple(row) for row in found] == [
            ("hold", str(attempt.attempt_id)),
            ("release_hold", str(attempt.attempt_id)),
        ]


async def test_an_unknown_attempt_or_hold_is_one_line(engine: AsyncEngine) -> None:
    with pytest.raises(VeritasError, match="There is no attempt"):
        await retention.place_hold(engine, uuid4(), "x", None)
    with pytest.raises(VeritasError, match="There is no hold"):
        await retention.release_hold(engine, uuid4())


def test_the_command_needs_a_choice() -> None:
    assert isinstance(CliRunner().invoke(cli, ["retention"]).exception, VeritasError)
