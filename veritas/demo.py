"""`veritas demo`: a simulated class at the hub that runs here, live in this terminal, or headless with a report.

The class itself is `simulate.py`'s; this adds what the database knows, and a view. It decides nothing about anybody.
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
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.queries import verify
from db.settings import DatabaseSettings
from veritas.accounts import Login
from veritas.environment import Addresses
from veritas.simulation.exam_run import SETTLE_S, Lesson, Options
from veritas.simulation.live_view import LiveView
from veritas.simulation.report import Report
from veritas.simulation.simulate import conclude, open_lesson

ENDLESS_S: Final = 6 * 3600.0
"""How long a class works that is to work until Ctrl-C."""

POLL_S: Final = 0.1
FRAME_S: Final = 0.25


async def run(
    addresses: Addresses,
    login: Login,
    *,
    students: int,
    seconds: float | None,
    seed: int = 1,
    headless: bool = False,
    json_file: Path | None = None,
    out: Terminal | None = None,
) -> int:
    """Sit a class at a running hub until its time or Ctrl-C is over; 0 only when the report is clean.

    Raises VeritasError.
    """
    out = out or Terminal()
    options = Options(students=students, seconds=seconds or ENDLESS_S, seed=seed, title="Demonstration", guest="You")
    engine = create_engine(DatabaseSettings(database_url=addresses.database_url, redis_url=addresses.redis_url))
    try:
        async with (
            open_lesson(addresses.base_url, login, options) as (lesson, entrants),
            _view(lesson, _invite(lesson, addresses.base_url, login), out, headless=headless),
        ):
            await _until_signal(lesson.work(entrants))
            await lesson.finish()
            report = await settle(lesson, engine)
    finally:
        await engine.dispose()
    return conclude(report, out, json_file)


async def settle(lesson: Lesson, engine: AsyncEngine) -> Report:
    """Wait until everything is judged and every flag has been seen, a few seconds at most, and report."""
    give_up_s = time.monotonic() + SETTLE_S
    while True:
        async with engine.connect() as conn:
            unjudged = await verify.count_unjudged(conn, lesson.exam_id)
            raised = await verify.count_flags(conn, lesson.exam_id)
            # What a person did as the guest, no client of ours has counted.
            guest = None if lesson.guest is None else lesson.guest.student_id
            stored = await verify.count_stored(conn, lesson.exam_id, without=guest)
        report = lesson.report(stored=stored, flags_raised=raised)
        is_settled = unjudged == 0 and raised == report.flags_seen and not report.expected_flags_missing
        if is_settled or time.monotonic() > give_up_s:
            return report
        await asyncio.sleep(POLL_S)


async def _until_signal(work: Coroutine[None, None, None]) -> None:
    """Do the work until it is done or Ctrl-C or SIGTERM asks for an early end."""
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


def _invite(lesson: Lesson, base_url: str, login: Login) -> Table:
    """Where to look, and how to get in: as the teacher of this class, and as one more candidate."""
    table = Table(title="Open in a browser", title_justify="left", show_header=False)
    table.add_row("the teacher's console", f"{base_url}/console/exams/{lesson.exam_id}")
    table.add_row("", f"sign in as [bold]{login.username}[/bold], password [bold]{login.password}[/bold]")
    if lesson.guest is not None:
        table.add_row("the exam, as a candidate", f"{base_url}/exam")
        table.add_row(
            "", f"with the code [bold]{lesson.guest.code}[/bold]; lose the focus, paste, and watch the console"
        )
    return table


@asynccontextmanager
async def _view(lesson: Lesson, invitation: Table, out: Terminal, *, headless: bool) -> AsyncIterator[None]:
    if not headless:
        out.print(invitation)
    if headless or not out.is_terminal:
        yield
        return
    with Live(console=out, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        drawing = asyncio.create_task(_draw(live, LiveView(lesson), out))
        try:
            yield
        finally:
            drawing.cancel()


async def _draw(live: Live, view: LiveView, out: Terminal) -> None:
    # Drawn by this loop, not by a thread of rich: what is drawn changes between two awaits only.
    while True:
        live.update(view.render(out.height), refresh=True)
        await asyncio.sleep(FRAME_S)
