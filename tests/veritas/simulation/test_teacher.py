from uuid import UUID

import msgspec

from protocol.attempts import AttemptStatus
from protocol.console import AttemptRow, Delta, ExamRow, FlagRow, Live, Presence, Resync, Row, Snapshot
from protocol.flags import FlagSource, FlagStatus, Severity
from veritas.simulation.teacher import SimulatedTeacher

EXAM, ATTEMPT, STUDENT = UUID(int=1), UUID(int=2), UUID(int=3)


def flag(number: int, *, last_fact_at: int | None = 1_000, status: FlagStatus = FlagStatus.OPEN) -> FlagRow:
    return FlagRow(
        flag_id=UUID(int=100 + number),
        attempt_id=ATTEMPT,
        source=FlagSource.RULE,
        rule=f"rule_{number}",
        severity=Severity.WARNING,
        confidence=0.8,
        summary="…",
        status=status,
        raised_at=1_010,
        last_fact_at=last_fact_at,
    )


def snapshot(offset: int, flags: list[FlagRow], part: int = 1, parts: int = 1) -> Snapshot:
    exam = ExamRow(EXAM, "Physics", 60)
    return Snapshot(exam_id=EXAM, epoch="e", offset=offset, part=part, parts=parts, exam=exam, flags=flags)


def delta(offset: int, kind: str, row: Row) -> Delta:
    return Delta(EXAM, offset, kind, msgspec.Raw(msgspec.json.encode(row)))


def test_flags_are_timed_from_their_last_event_to_their_arrival() -> None:
    teacher = SimulatedTeacher()
    teacher.take(snapshot(0, []), 900)
    assert teacher.loaded.is_set()
    teacher.take(delta(1, "flag", flag(1)), 1_075.5)
    teacher.take(delta(2, "flag", flag(2, last_fact_at=None)), 1_080)
    assert teacher.latencies() == [75.5]
    assert teacher.rules_seen() == {ATTEMPT: {"rule_1", "rule_2"}}
    assert teacher.arrived.is_set()


def test_a_reviewed_flag_is_the_same_flag() -> None:
    teacher = SimulatedTeacher()
    teacher.take(snapshot(0, []), 900)
    teacher.take(delta(1, "flag", flag(1)), 1_100)
    teacher.take(delta(2, "flag", flag(1, status=FlagStatus.DISMISSED)), 9_000)
    assert len(teacher.arrivals) == 1
    assert teacher.latencies() == [100]
    assert teacher.board is not None
    assert teacher.board.flags[UUID(int=101)].status is FlagStatus.DISMISSED


def test_flags_of_a_snapshot_in_parts_count_once() -> None:
    teacher = SimulatedTeacher()
    teacher.take(snapshot(5, [flag(1)], 1, 2), 1_200)
    assert teacher.board is None
    teacher.take(snapshot(5, [flag(2)], 2, 2), 1_300)
    teacher.take(Resync(EXAM, "slow"), 1_400)
    teacher.take(snapshot(6, [flag(1), flag(2)]), 1_500)
    assert teacher.latencies() == [300, 300]
    assert len(teacher.arrivals) == 2


def test_a_snapshot_cut_off_and_begun_again_is_whole() -> None:
    teacher = SimulatedTeacher()
    teacher.take(snapshot(5, [flag(1)], 1, 2), 1_200)
    teacher.take(snapshot(6, [flag(1)]), 1_300)
    assert teacher.board is not None
    assert teacher.board.offset == 6


def test_other_rows_and_live_values_are_kept_too() -> None:
    teacher = SimulatedTeacher()
    teacher.take(snapshot(0, []), 900)
    row = AttemptRow(ix=4, attempt_id=ATTEMPT, student_id=STUDENT, status=AttemptStatus.IN_PROGRESS, deadline=None)
    teacher.take(delta(1, "attempt", row), 950)
    teacher.take(Live(EXAM, [Presence(4, online=True, events=9, seen_at=1)]), 960)
    assert teacher.board is not None
    assert teacher.board.attempts[ATTEMPT].ix == 4
    assert teacher.presence[4].events == 9
    assert teacher.in_focus() == [4]
    assert teacher.arrivals == {}
