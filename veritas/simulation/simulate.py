"""`veritas simulate`: a simulated exam at any hub, through its public API only.

A teacher creates an exam and students take it by scripts. It never reads a database; see `exam_run.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from rich.console import Console as Terminal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from veritas.accounts import PasswordLogin
from veritas.client import Console
from veritas.errors import VeritasError
from veritas.rest import EnrolledStudent, Rest, UserSession
from veritas.simulation.exam_run import ExamRun, Options
from veritas.simulation.questions import ITEMS
from veritas.simulation.report import RunReport
from veritas.simulation.report_table import show_report
from veritas.simulation.students import make_roster
from veritas.simulation.teacher import SimulatedTeacher

ROSTER_CHUNK: Final = 1_000
BOARD_S: Final = 15.0
"""How long the hub may take to show the first board."""

LONGEST_MINUTES: Final = 7 * 24 * 60

GUEST: Final = "guest"
"""The username of the extra student whom a visitor may play."""


@asynccontextmanager
async def open_exam_run(
    base_url: str | Sequence[str], login: PasswordLogin, options: Options
) -> AsyncIterator[tuple[ExamRun, list[EnrolledStudent]]]:
    """Create an exam and its roster, and follow its board until the block ends.

    With several addresses of one service, clients that lose a hub continue at the next one. Raises VeritasError.
    """
    async with Rest(base_url) as rest:
        session = await rest.sign_in(login.username, login.password)
        minutes = min(LONGEST_MINUTES, ceil(options.seconds / 60) + 30)
        exam_id = await session.create_exam(options.title, duration_minutes=minutes, preset="camera")
        await session.set_items(exam_id, ITEMS)
        enrolled = await _enrol(session, exam_id, options.students)
        exam_run = ExamRun(rest, exam_id, options)
        if options.guest is not None:
            guest = {"username": GUEST, "name": options.guest}
            (exam_run.guest,) = await session.extend_roster(exam_id, [guest])
        async with Console(
            rest.socket_urls("/ws/console"),
            lambda: session.ticket("console"),
            get_token=session.access,
            proxy=rest.proxy,
        ) as console:
            following = asyncio.create_task(exam_run.teacher.follow(console, exam_id))
            try:
                await _wait_for_board(exam_run.teacher, following)
                yield exam_run, enrolled
            finally:
                if following.done() and not following.cancelled():
                    exam_run.failures.append(f"the teacher's console: {following.exception()}")
                following.cancel()
                await asyncio.wait({following})
                await exam_run.abandon()


async def run(
    base_url: str | Sequence[str],
    login: PasswordLogin,
    options: Options,
    *,
    out: Terminal,
    json_file: Path | None = None,
) -> int:
    """Run a simulated exam at one hub, or several hubs of one service; print the report and write it as JSON.

    Returns the exit code: 0 only if the report has no faults. Raises VeritasError.
    """
    async with open_exam_run(base_url, login, options) as (exam_run, enrolled):
        with _progress(out, options) as progress:
            ticking = asyncio.create_task(_tick(progress, exam_run))
            try:
                await exam_run.work(enrolled)
                await exam_run.finish()
                await exam_run.settle()
            finally:
                ticking.cancel()
        report = exam_run.report()
    return conclude(report, out, json_file)


def conclude(report: RunReport, out: Terminal, json_file: Path | None) -> int:
    """Write and print a report. Returns 0 if it has no faults, else 1."""
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    show_report(report, out)
    return 1 if report.faults() else 0


async def _wait_for_board(teacher: SimulatedTeacher, following: "asyncio.Task[None]") -> None:
    loading = asyncio.create_task(teacher.loaded.wait())
    done, _ = await asyncio.wait({loading, following}, timeout=BOARD_S, return_when=asyncio.FIRST_COMPLETED)
    loading.cancel()
    if following in done:
        raise VeritasError(f"the hub did not send the board of the exam: {following.exception()}")
    if loading not in done:
        raise VeritasError(f"the hub did not send the board of the exam within {BOARD_S:.0f} s")


async def _enrol(session: UserSession, exam_id: UUID, count: int) -> list[EnrolledStudent]:
    students = make_roster(count)
    enrolled: list[EnrolledStudent] = []
    for first in range(0, count, ROSTER_CHUNK):
        enrolled += await session.extend_roster(exam_id, students[first : first + ROSTER_CHUNK])
    return enrolled


def _progress(out: Terminal, options: Options) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
    progress.add_task("signing in", total=options.seconds)
    return progress


async def _tick(progress: Progress, exam_run: ExamRun) -> None:
    (task,) = progress.task_ids
    while True:
        text = f"{len(exam_run.students)} students, {exam_run.acked:,} events, {len(exam_run.teacher.arrivals)} flags"
        progress.update(TaskID(task), completed=exam_run.seconds, description=text)
        await asyncio.sleep(0.5)
