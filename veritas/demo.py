"""`veritas demo`: a simulated exam at the local hub, with a live view in this terminal, or headless with a report.

`simulate.py` runs the exam; this module adds the counts from the database and the view. It never changes a result.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from rich.console import Console as Terminal
from rich.live import Live
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.queries import verify
from db.settings import DatabaseSettings
from veritas.accounts import PasswordLogin
from veritas.environment import Addresses
from veritas.simulation.exam_run import SETTLE_S, ExamRun, Options
from veritas.simulation.live_view import LiveView
from veritas.simulation.report import RunReport
from veritas.simulation.simulate import conclude, open_exam_run

ENDLESS_S: Final = 6 * 3600.0
"""Length of a demo that runs until Ctrl-C."""

POLL_S: Final = 0.1
FRAME_S: Final = 0.25


async def run(
    addresses: Addresses,
    login: PasswordLogin,
    *,
    students: int,
    seconds: float | None,
    seed: int = 1,
    headless: bool = False,
    json_file: Path | None = None,
    out: Terminal | None = None,
) -> int:
    """Run a simulated exam until its time is over or Ctrl-C. Returns 0 only if the report has no faults.

    Raises VeritasError.
    """
    out = out or Terminal()
    options = Options(students=students, seconds=seconds or ENDLESS_S, seed=seed, title="Demonstration", guest="You")
    engine = create_engine(DatabaseSettings(database_url=addresses.database_url, redis_url=addresses.redis_url))
    try:
        async with (
            open_exam_run(addresses.base_url, login, options) as (exam_run, enrolled),
            _view(exam_run, invitation := invitation_to(exam_run, addresses.base_url, login), out, headless=headless),
        ):
            await _until_signal(exam_run.work(enrolled))
            await exam_run.finish()
            report = await settle(exam_run, engine)
    finally:
        await engine.dispose()
    code = conclude(report, out, json_file)
    if not headless:
        _print_plain(["The exam stays stored. Run `make up` to open it again.", *invitation], out)
    return code


async def settle(exam_run: ExamRun, engine: AsyncEngine) -> RunReport:
    """Wait up to 20 seconds until everything is evaluated and every flag has arrived, then report."""
    give_up_s = time.monotonic() + SETTLE_S
    while True:
        async with engine.connect() as conn:
            unfolded = await verify.count_unfolded(conn, exam_run.exam_id)
            raised = await verify.count_flags(conn, exam_run.exam_id)
            # No client of ours has counted the events of the guest.
            guest = None if exam_run.guest is None else exam_run.guest.student_id
            stored = await verify.count_stored(conn, exam_run.exam_id, without=guest)
        report = exam_run.report(stored=stored, flags_raised=raised)
        is_settled = unfolded == 0 and raised == report.flags_seen and not report.expected_flags_missing
        if is_settled or time.monotonic() > give_up_s:
            return report
        await asyncio.sleep(POLL_S)


async def _until_signal(work: Coroutine[None, None, None]) -> None:
    """Wait for the work; Ctrl-C or SIGTERM ends it early."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    if not task.cancelled():
        task.result()


def invitation_to(exam_run: ExamRun, base_url: str, login: PasswordLogin) -> list[str]:
    """Return the lines that say where to look and how to sign in; each fits into 80 columns."""
    lines = [
        "The teacher's console:",
        f"  {base_url}/console/exams/{exam_run.exam_id}",
        f"  username {login.username}, password {login.password}",
    ]
    if exam_run.guest is not None:
        lines += [
            "Take the exam yourself:",
            f"  {base_url}/exam",
            f"  code {exam_run.guest.code}",
            "  Switch to another tab, paste something, and watch the console.",
        ]
    return lines


def _print_plain(lines: list[str], out: Terminal) -> None:
    """Print lines as they are: not wrapped, not cut, without markup, so that an address can be copied."""
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@asynccontextmanager
async def _view(exam_run: ExamRun, invitation: list[str], out: Terminal, *, headless: bool) -> AsyncIterator[None]:
    if not headless:
        _print_plain(invitation, out)
    if headless or not out.is_terminal:
        yield
        return
    with Live(console=out, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        rows = out.height - len(invitation)
        drawing = asyncio.create_task(_draw(live, LiveView(exam_run), rows))
        try:
            yield
        finally:
            drawing.cancel()


async def _draw(live: Live, view: LiveView, rows: int) -> None:
    # Drawn in this loop, not in a thread of rich: the data changes only between two awaits.
    while True:
        live.update(view.render(rows), refresh=True)
        await asyncio.sleep(FRAME_S)
