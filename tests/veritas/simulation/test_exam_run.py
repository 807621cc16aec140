"""Counts of a simulated exam while it runs. test_simulate.py tests it with a hub."""

from random import Random
from uuid import UUID, uuid4

from veritas.client import Candidate
from veritas.rest import Rest
from veritas.simulation.exam_run import ExamRun, Options, Student
from veritas.simulation.scripts import SCRIPTS

EXAM = UUID(int=1)


async def never() -> str:
    raise OSError


def student(script: str) -> Student:
    attempt_id = uuid4()
    return Student(attempt_id, "Ada", SCRIPTS[script], Candidate("ws://127.0.0.1:9", attempt_id, never))


def exam_run(*students: Student) -> ExamRun:
    run = ExamRun(Rest("http://127.0.0.1:9"), EXAM, Options(students=len(students), seconds=1))
    run.students += students
    return run


async def test_a_run_without_students_is_empty() -> None:
    report = exam_run().report()
    assert (report.students, report.sent, report.acked, report.lost) == (0, 0, 0, 0)
    assert (report.stored, report.flags_raised, report.faults()) == (None, None, [])


async def test_events_are_counted_over_all_students() -> None:
    run = exam_run(student("steady_typist"), student("wanderer"))
    for simulated in run.students:
        simulated.candidate.record("alive")
    assert (run.sent, run.acked) == (2, 0)
    assert run.report().faults() == ["2 events were sent, 0 acknowledged"]


async def test_a_script_that_was_not_played_to_its_end_misses_no_flag() -> None:
    run = exam_run(student("wanderer"))
    assert not run.students[0].expected.is_played
    assert run.report().expected_flags_missing == []


async def test_a_script_that_was_played_must_raise_its_flag() -> None:
    tabs = student("tab_switcher")
    tabs._worked_s = tabs.script.needs_s
    [missing] = exam_run(tabs).report().expected_flags_missing
    assert (missing.student, missing.script, missing.rule) == ("Ada", "tab_switcher", "left_page")


async def test_a_student_plays_the_script_in_real_time() -> None:
    typist = student("steady_typist")
    await typist.work(Options(students=1, seconds=0.2, rate=50), Random(1))
    assert typist.candidate.sent > 2
    assert typist.expected.is_played
