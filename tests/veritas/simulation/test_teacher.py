from uuid import UUID

import msgspec

from protocol.attempts import AttemptStatus
from protocol.console import AttemptRow, Delta, ExamRow, FlagRow, Live, Presence, Resync, Row, Snapshot
from protocol.flags import FlagSource, FlagStatus, Severity
from veritas.simulation.teacher import Watcher

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


def test_flags_are_timed_from_their_last_fact_to_their_arrival() -> None:
    watcher = Watcher()
    watcher.take(snapshot(0, []), 900)
    assert watcher.loaded.is_set()
    watcher.take(delta(1, "flag", flag(1)), 1_075.5)
    watcher.take(delta(2, "flag", flag(2, last_fact_at=None)), 1_080)
    assert watcher.latencies() == [75.5]
    assert watcher.rules_seen() == {ATTEMPT: {"rule_1", "rule_2"}}
    assert watcher.arrived.is_set()


def test_a_reviewed_flag_is_the_same_flag() -> None:
    watcher = Watcher()
    watcher.take(snapshot(0, []), 900)
    watcher.take(delta(1, "flag", flag(1)), 1_100)
    watcher.take(delta(2, "flag", flag(1, status=FlagStatus.DISMISSED)), 9_000)
    assert len(watcher.arrivals) == 1
    assert watcher.latencies() == [100]
    assert watcher.board is not None
    assert watcher.board.flags[UUID(int=101)].status is FlagStatus.DISMISSED


def test_flags_of_a_snapshot_in_parts_count_once() -> None:
    watcher = Watcher()
    watcher.take(snapshot(5, [flag(1)], 1, 2), 1_200)
    assert watcher.board is None
    watcher.take(snapshot(5, [flag(2)], 2, 2), 1_300)
    watcher.take(Resync(EXAM, "slow"), 1_400)
    watcher.take(snapshot(6, [flag(1), flag(2)]), 1_500)
    assert watcher.latencies() == [300, 300]
    assert len(watcher.arrivals) == 2


def test_a_snapshot_cut_off_and_begun_again_is_whole() -> None:
    watcher = Watcher()
    watcher.take(snapshot(5, [flag(1)], 1, 2), 1_200)
    watcher.take(snapshot(6, [flag(1)]), 1_300)
    assert watcher.board is not None
    assert watcher.board.offset == 6


def test_other_rows_and_live_values_are_kept_too() -> None:
    watcher = Watcher()
    watcher.take(snapshot(0, []), 900)
    row = AttemptRow(ix=4, attempt_id=ATTEMPT, student_id=STUDENT, status=AttemptStatus.IN_PROGRESS, deadline=None)
    watcher.take(delta(1, "attempt", row), 950)
    watcher.take(Live(EXAM, [Presence(4, online=True, events=9, seen_at=1)]), 960)
    assert watcher.board is not None
    assert watcher.board.attempts[ATTEMPT].ix == 4
    assert watcher.presence[4].events == 9
    assert watcher.in_focus() == [4]
    assert watcher.arrivals == {}
