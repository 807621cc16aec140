from random import Random
from uuid import UUID

import pytest
from rich.console import Console

from protocol.attempts import AttemptStatus
from protocol.console import AttemptRow, ExamRow, FlagRow, Live, Presence, ScoreRow, Snapshot
from protocol.flags import FlagSource, FlagStatus, Severity
from veritas.client import Candidate
from veritas.rest import Rest
from veritas.simulation.exam_run import ExamRun, Options, Student
from veritas.simulation.live_view import LiveView
from veritas.simulation.scripts import SCRIPTS

EXAM = UUID(int=1)


async def no_ticket() -> str:
    raise ConnectionError


def add_student(exam_run: ExamRun, number: int) -> None:
    attempt_id = UUID(int=100 + number)
    candidate = Candidate("ws://127.0.0.1:9", attempt_id, no_ticket, random=Random(1))
    exam_run.students.append(Student(attempt_id, f"Student [{number}]", SCRIPTS["wanderer"], candidate))


def drawn(exam_run: ExamRun, height: int = 30) -> str:
    out = Console(width=140, height=height, record=True, force_terminal=False)
    out.print(LiveView(exam_run).render(height))
    return out.export_text()


@pytest.fixture
async def exam_run() -> ExamRun:
    return ExamRun(Rest("http://127.0.0.1:9"), EXAM, Options(students=0, seconds=60))


async def test_an_empty_room_can_be_drawn(exam_run: ExamRun) -> None:
    assert "0 students · 0 events stored" in drawn(exam_run)


async def test_students_with_flags_are_shown_first_when_there_is_not_room_for_all(exam_run: ExamRun) -> None:
    for number in range(1, 41):
        add_student(exam_run, number)
    flagged = exam_run.students[37].attempt_id
    flag = FlagRow(
        flag_id=UUID(int=9),
        attempt_id=flagged,
        source=FlagSource.RULE,
        rule="left_page",
        severity=Severity.WARNING,
        confidence=0.8,
        summary="Away [for] long.",
        status=FlagStatus.OPEN,
        raised_at=1_700_000_000_000,
        last_fact_at=1_699_999_999_900,
    )
    row = AttemptRow(ix=38, attempt_id=flagged, student_id=UUID(int=5), status=AttemptStatus.IN_PROGRESS, deadline=None)
    board = Snapshot(
        exam_id=EXAM,
        epoch="e",
        offset=1,
        part=1,
        parts=1,
        exam=ExamRow(EXAM, "Physics", 60),
        attempts=[row],
        scores=[ScoreRow(flagged, 0.88)],
        flags=[flag],
    )
    exam_run.teacher.take(board, 1_700_000_000_000)
    exam_run.teacher.take(Live(EXAM, [Presence(38, online=True, events=1_234, seen_at=1)]), 1_700_000_000_000)
    text = drawn(exam_run, 30)
    assert "15 of 40 shown" in text
    first = next(line for line in text.splitlines() if "Student [" in line)
    for part in ("Student [38]", "wanderer", "1,234", "0.88", "left_page", "●"):
        assert part in first
    assert "Away [for] long." in text
    assert "100 ms" in text
