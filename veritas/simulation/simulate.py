"""A simulated class at any hub, through its public API alone: a teacher makes an exam, students sit it by scripts.

It never reads a database; what is real and what is not, `lesson.py` says.
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

from veritas.accounts import Login
from veritas.client import Console
from veritas.errors import VeritasError
from veritas.rest import Entrant, Rest, Session
from veritas.simulation.exam_run import Lesson, Options
from veritas.simulation.questions import ITEMS
from veritas.simulation.report import Report
from veritas.simulation.report_table import show_report
from veritas.simulation.students import make_roster
from veritas.simulation.teacher import Watcher

ROSTER_CHUNK: Final = 1_000
BOARD_S: Final = 15.0
"""How long the hub may take to show the first board."""

LONGEST_MINUTES: Final = 7 * 24 * 60

GUEST: Final = "guest"
"""The username of whoever is on the roster for a person to play."""


@asynccontextmanager
async def open_lesson(
    base_url: str | Sequence[str], login: Login, options: Options
) -> AsyncIterator[tuple[Lesson, list[Entrant]]]:
    """Make an exam and its roster, and watch its board for the length of the block.

    With several addresses of one service, whoever loses a hub goes on at the next. Raises VeritasError.
    """
    async with Rest(base_url) as rest:
        teacher = await rest.sign_in(login.username, login.password)
        minutes = min(LONGEST_MINUTES, ceil(options.seconds / 60) + 30)
        exam_id = await teacher.create_exam(options.title, duration_minutes=minutes, preset="camera")
        await teacher.set_items(exam_id, ITEMS)
        entrants = await _enrol(teacher, exam_id, options.students)
        lesson = Lesson(rest, exam_id, options)
        if options.guest is not None:
            guest = {"username": GUEST, "name": options.guest}
            (lesson.guest,) = await teacher.extend_roster(exam_id, [guest])
        async with Console(
            rest.socket_urls("/ws/console"),
            lambda: teacher.ticket("console"),
            get_token=teacher.access,
            proxy=rest.proxy,
        ) as console:
            following = asyncio.create_task(lesson.watcher.follow(console, exam_id))
            try:
                await _wait_for_board(lesson.watcher, following)
                yield lesson, entrants
            finally:
                if following.done() and not following.cancelled():
                    lesson.failures.append(f"the teacher's console: {following.exception()}")
                following.cancel()
                await asyncio.wait({following})
                await lesson.abandon()


async def run(
    base_url: str | Sequence[str], login: Login, options: Options, *, out: Terminal, json_file: Path | None = None
) -> int:
    """Sit a scripted class at a hub, or at several of one service; show the report, and write it.

    The exit code is 0 only when it is clean. Raises VeritasError.
    """
    async with open_lesson(base_url, login, options) as (lesson, entrants):
        with _progress(out, options) as progress:
            ticking = asyncio.create_task(_tick(progress, lesson))
            try:
                await lesson.work(entrants)
                await lesson.finish()
                await lesson.settle()
            finally:
                ticking.cancel()
        report = lesson.report()
    return conclude(report, out, json_file)


def conclude(report: Report, out: Terminal, json_file: Path | None) -> int:
    """Write and show a report; 0 when it is clean, else 1."""
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    show_report(report, out)
    return 1 if report.faults() else 0


async def _wait_for_board(watcher: Watcher, following: "asyncio.Task[None]") -> None:
    loading = asyncio.create_task(watcher.loaded.wait())
    done, _ = await asyncio.wait({loading, following}, timeout=BOARD_S, return_when=asyncio.FIRST_COMPLETED)
    loading.cancel()
    if following in done:
        raise VeritasError(f"the hub shows this teacher no board: {following.exception()}")
    if loading not in done:
        raise VeritasError(f"the hub showed no board within {BOARD_S:.0f} s")


async def _enrol(teacher: Session, exam_id: UUID, count: int) -> list[Entrant]:
    students = make_roster(count)
    entrants: list[Entrant] = []
    for first in range(0, count, ROSTER_CHUNK):
        entrants += await teacher.extend_roster(exam_id, students[first : first + ROSTER_CHUNK])
    return entrants


def _progress(out: Terminal, options: Options) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
    progress.add_task("signing in", total=options.seconds)
    return progress


async def _tick(progress: Progress, lesson: Lesson) -> None:
    (task,) = progress.task_ids
    while True:
        text = f"{len(lesson.students)} students, {lesson.acked:,} events, {len(lesson.watcher.arrivals)} flags"
        progress.update(TaskID(task), completed=lesson.seconds, description=text)
        await asyncio.sleep(0.5)
