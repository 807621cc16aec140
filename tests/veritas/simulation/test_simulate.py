"""A short class at a real hub; the long one, with flags, is a journey."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import ExamAttempt
from db.queries import verify
from db.settings import DatabaseSettings
from protocol.roles import Role
from tests.veritas.hubs import LOGIN, run_hub
from veritas.accounts import PasswordLogin, create_account
from veritas.errors import VeritasError
from veritas.rest import RestError
from veritas.simulation import simulate
from veritas.simulation.exam_run import Options
from veritas.simulation.report import RunReport


@pytest.fixture
def out() -> Console:
    return Console(width=120, quiet=True)


async def test_a_simulated_class_stores_exactly_what_it_sent(
    database: DatabaseSettings, engine: AsyncEngine, out: Console, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    options = Options(students=6, seconds=1.5, rate=20)
    async with run_hub(database, engine) as addresses:
        code = await simulate.run(addresses.base_url, LOGIN, options, out=out, json_file=file)
    report = msgspec.json.decode(file.read_bytes(), type=RunReport)
    assert code == 0
    assert report.students == 6
    assert report.sent == report.acked > 6 * 20
    assert (report.stored, report.flags_raised, report.flags_seen, report.failures) == (None, None, 0, [])
    assert report.ack_ms.p50 is not None
    async with engine.connect() as conn:
        assert await verify.count_stored(conn, report.exam_id) == report.sent
        handed_in = await conn.execute(select(ExamAttempt.status, ExamAttempt.receipt["events"].as_integer()))
        receipts = handed_in.all()
    assert [status for status, _ in receipts] == ["submitted"] * 6
    assert sum(events for _, events in receipts) == report.sent


async def test_a_cancelled_simulation_still_finishes_every_attempt(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    async with (
        run_hub(database, engine) as addresses,
        simulate.open_exam_run(addresses.base_url, LOGIN, Options(students=3, seconds=600)) as (exam_run, enrolled),
    ):
        working = asyncio.create_task(exam_run.work(enrolled))
        board = exam_run.teacher.board
        assert board is not None
        async with asyncio.timeout(20):
            while exam_run.acked < 10 or len(board.attempts) < 3:  # noqa: ASYNC110 - students send no event
                await asyncio.sleep(0.01)
        working.cancel()
        await asyncio.wait({working})
        await exam_run.finish()
        report = exam_run.report()
        assert report.faults() == []
        for student in exam_run.students:
            await asyncio.wait_for(student.candidate.finished(), 1)


async def test_a_wrong_password_is_one_line(database: DatabaseSettings, engine: AsyncEngine, out: Console) -> None:
    async with run_hub(database, engine) as addresses:
        with pytest.raises(RestError, match="The username or password is wrong"):
            await simulate.run(
                addresses.base_url, PasswordLogin("teacher", "x"), Options(students=1, seconds=1), out=out
            )


async def test_a_student_cannot_run_a_simulation(database: DatabaseSettings, engine: AsyncEngine, out: Console) -> None:
    async with run_hub(database, engine) as addresses:
        await create_account(engine, Role.STUDENT, "Ada", PasswordLogin("ada", "correct horse 8"), cost=4)
        with pytest.raises(VeritasError, match="403"):
            await simulate.run(
                addresses.base_url, PasswordLogin("ada", "correct horse 8"), Options(students=1, seconds=1), out=out
            )
