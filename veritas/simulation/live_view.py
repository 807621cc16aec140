"""Live view of the demo in a terminal: students, flags and speed. Read-only."""

import time
from collections import deque
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from protocol.console import FlagRow
from protocol.flags import Severity
from veritas.simulation.exam_run import ExamRun, Student
from veritas.simulation.report import percentiles
from veritas.simulation.teacher import Arrival

LATEST_FLAGS: Final = 6
RATE_OVER: Final = 12
"""Number of frames over which the rate is averaged; 3 s."""

RECENT_ACKS: Final = 2_000
CHROME_ROWS: Final = 9
"""Rows of the screen that are neither students nor flags."""

COLOURS: Final = {Severity.NORMAL: "dim", Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}


class LiveView:
    """Renders a simulated exam, frame by frame."""

    def __init__(self, exam_run: ExamRun) -> None:
        self._exam_run = exam_run
        self._acked: deque[tuple[float, int]] = deque(maxlen=RATE_OVER)

    def render(self, height: int) -> RenderableType:
        """Render the current state for a terminal with `height` rows."""
        flags: dict[str, list[FlagRow]] = {}
        for arrival in self._exam_run.teacher.arrivals.values():
            flags.setdefault(str(arrival.flag.attempt_id), []).append(arrival.flag)
        return Group(self._headline(), self._class(flags, max(3, height - CHROME_ROWS - LATEST_FLAGS)), self._latest())

    def _headline(self) -> Text:
        exam_run = self._exam_run
        self._acked.append((time.monotonic(), exam_run.acked))
        (then_s, then), (now_s, now) = self._acked[0], self._acked[-1]
        rate = (now - then) / (now_s - then_s) if now_s > then_s else 0.0
        acks = percentiles(exam_run.ack_ms[-RECENT_ACKS:])
        flags = percentiles(exam_run.teacher.latencies())
        minutes, seconds = divmod(int(exam_run.seconds), 60)
        parts = [
            f"{minutes:02}:{seconds:02}",
            f"{len(exam_run.students)} students",
            f"{now:,} events stored, {rate:,.0f} a second",
            f"ack p50 {_ms(acks.p50)} p99 {_ms(acks.p99)}",
            f"{len(exam_run.teacher.arrivals)} flags, event → screen p50 {_ms(flags.p50)}",
        ]
        return Text(" · ".join(parts), style="bold")

    def _class(self, flags: dict[str, list[FlagRow]], rows: int) -> Table:
        students = self._exam_run.students
        # Students with flags come first, then the order of the board.
        shown = sorted(students, key=lambda student: not flags.get(str(student.attempt_id)))[:rows]
        title = "Students" if len(shown) == len(students) else f"Students ({len(shown)} of {len(students)} shown)"
        table = Table(title=title, title_justify="left", expand=True, pad_edge=False)
        table.add_column("student", no_wrap=True)
        table.add_column("plays (only the demo knows)", no_wrap=True, style="dim")
        table.add_column("events", no_wrap=True, justify="right")
        table.add_column("integrity", no_wrap=True, justify="right")
        table.add_column("flags", no_wrap=True, ratio=1)
        for student in shown:
            table.add_row(*self._row(student, flags.get(str(student.attempt_id), [])))
        return table

    def _row(self, student: Student, flags: list[FlagRow]) -> tuple[str, ...]:
        board = self._exam_run.teacher.board
        attempt = board.attempts.get(student.attempt_id) if board else None
        score = board.scores.get(student.attempt_id) if board else None
        live = self._exam_run.teacher.presence.get(attempt.ix) if attempt else None
        light = "[green]●[/green]" if live is not None and live.online else "[red]○[/red]"
        named = [f"[{COLOURS[flag.severity]}]{flag.rule}[/]" for flag in flags]
        return (
            f"{light} {escape(student.name)}",
            student.script.name,
            "" if live is None else f"{live.events:,}",
            "" if score is None or score.integrity is None else f"{score.integrity:.2f}",
            ", ".join(named),
        )

    def _latest(self) -> Table:
        names = {student.attempt_id: student.name for student in self._exam_run.students}
        table = Table(title="Latest flags", title_justify="left", box=None, expand=True, show_header=False)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, ratio=1)
        table.add_column(no_wrap=True, justify="right", style="dim")
        latest: list[Arrival] = list(self._exam_run.teacher.latest)[-LATEST_FLAGS:]
        for arrival in reversed(latest):
            flag = arrival.flag
            at = datetime.fromtimestamp(flag.raised_at / 1000).astimezone()
            name = escape(names.get(flag.attempt_id, "?"))
            summary = f"[{COLOURS[flag.severity]}]{flag.rule}[/] {escape(flag.summary)}"
            table.add_row(f"{at:%H:%M:%S}", name, summary, _ms(arrival.after_ms))
        return table


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
