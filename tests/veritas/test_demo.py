"""The demo against a hub and a worker in this loop. The long run, with every rule, is a journey."""

import asyncio
import os
import re
import signal
from pathlib import Path
from uuid import uuid4

import msgspec
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from db.settings import DatabaseSettings
from tests.veritas.hubs import LOGIN, run_hub, run_worker
from veritas import demo
from veritas.rest import EnrolledStudent, Rest
from veritas.simulation.exam_run import ExamRun, Options
from veritas.simulation.report import RunReport


async def test_a_headless_demonstration_reports_what_the_database_holds(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path
) -> None:
    file = tmp_path / "demo.json"
    out = Console(width=120, quiet=True)
    async with run_hub(database, engine) as addresses, run_worker(database):
        code = await demo.run(addresses, LOGIN, students=4, seconds=1.5, headless=True, json_file=file, out=out)
    report = msgspec.json.decode(file.read_bytes(), type=RunReport)
    assert (code, report.faults()) == (0, [])
    assert report.sent == report.acked == report.stored
    assert report.flags_raised == report.flags_seen == 0


async def test_a_live_demonstration_ends_well_on_ctrl_c(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path
) -> None:
    screen = tmp_path / "screen"
    with screen.open("w") as file:
        out = Console(width=140, height=40, force_terminal=True, file=file)
        async with run_hub(database, engine) as addresses, run_worker(database):
            stopping = asyncio.create_task(stop_once_shown(screen))
            code = await demo.run(addresses, LOGIN, students=5, seconds=None, out=out)
    await stopping
    text = screen.read_text()
    assert code == 0
    assert "plays (only the demo knows)" in text
    assert "Amal Adeyemi" in text
    assert "/console/exams/" in text
    assert len(re.findall(r"code ([0-9A-Z]{4}-){3}[0-9A-Z]{4}", text)) == 2, "printed before and after the live view"
    assert "every event is stored once" in text


async def test_an_invitation_fits_into_80_columns() -> None:
    run = ExamRun(Rest("http://127.0.0.1:9"), uuid4(), Options(students=0, seconds=1))
    run.guest = EnrolledStudent(uuid4(), "guest", "You", "PPRP-Y687-B0ZZ-ZZQX")
    lines = demo.invitation_to(run, "http://127.0.0.1:65535", LOGIN)
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80


async def stop_once_shown(screen: Path) -> None:
    """Send Ctrl-C when the class is running: before that it would end this process."""
    while "Amal Adeyemi" not in await asyncio.to_thread(screen.read_text):  # noqa: ASYNC110 - a file sends no event
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    os.kill(os.getpid(), signal.SIGINT)
