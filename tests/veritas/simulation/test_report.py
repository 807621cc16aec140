from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veritas.simulation.report import ExpectedFlags, FlagMismatch, Percentiles, RunReport, compare_flags, percentiles
from veritas.simulation.scripts import SCRIPTS

ONE, TWO = UUID(int=1), UUID(int=2)

CLEAN = RunReport(
    students=1,
    sent=10,
    acked=10,
    stored=10,
    rejected=0,
    flags_raised=1,
    flags_seen=1,
    ack_ms=Percentiles(1, 2),
    flag_ms=Percentiles(None, None),
    expected_flags_missing=[],
    unexpected_flags=[],
    flags_by_rule={"left_page": 1},
    scripts={"wanderer": 1},
    failures=[],
    connections=1,
    seconds=1.0,
    events_per_second=10.0,
    exam_id=ONE,
)


def test_percentiles_are_nearest_ranks() -> None:
    assert percentiles(range(1, 101)) == Percentiles(50, 99)
    assert percentiles([7.006]) == Percentiles(7.01, 7.01)
    assert percentiles([1, 2]) == Percentiles(1, 2)
    assert percentiles([]) == Percentiles(None, None)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_measured_values_in_order(values: list[float]) -> None:
    found = percentiles(values)
    assert found.p50 in [round(value, 2) for value in values]
    assert found.p50 is not None
    assert found.p99 is not None
    assert found.p50 <= found.p99 <= round(max(values), 2)


def test_missing_and_unexpected_flags_are_named() -> None:
    expectations = [ExpectedFlags(ONE, "Ada", SCRIPTS["wanderer"]), ExpectedFlags(TWO, "Bo", SCRIPTS["steady_typist"])]
    assert compare_flags(expectations, {ONE: {"left_page"}}) == ([], [])
    missing, unexpected = compare_flags(expectations, {TWO: {"gaze_away"}})
    assert missing == [FlagMismatch("Ada", "wanderer", "left_page")]
    assert unexpected == [FlagMismatch("Bo", "steady_typist", "gaze_away")]


def test_nothing_is_missing_of_a_script_that_was_broken_off() -> None:
    expectations = [ExpectedFlags(ONE, "Ada", SCRIPTS["wanderer"], is_played=False)]
    assert compare_flags(expectations, {}) == ([], [])
    assert compare_flags(expectations, {ONE: {"gaze_away"}}) == ([], [FlagMismatch("Ada", "wanderer", "gaze_away")])


def test_a_clean_report_has_no_faults() -> None:
    assert CLEAN.faults() == []
    assert msgspec.structs.replace(CLEAN, stored=None, flags_raised=None).faults() == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"acked": 9}, "10 events were sent, 9 acknowledged"),
        ({"stored": 11}, "10 events were sent, 11 are stored"),
        ({"lost": 3}, "3 events were dropped by full queues"),
        ({"flags_raised": 2}, "2 flags were raised, 1 seen on the console"),
        ({"failures": ["Ada: superseded (4409)"]}, "Ada: superseded (4409)"),
        (
            {"expected_flags_missing": [FlagMismatch("Ada", "wanderer", "left_page")]},
            "Ada (wanderer) should have raised",
        ),
        (
            {"unexpected_flags": [FlagMismatch("Bo", "steady_typist", "gaze_away")]},
            "Bo (steady_typist) should not have",
        ),
    ],
)
def test_each_fault_is_described_in_words(change: dict[str, Any], fault: str) -> None:
    (found,) = msgspec.structs.replace(CLEAN, **change).faults()
    assert found.startswith(fault)


def test_the_report_has_the_keys_that_are_promised() -> None:
    written = msgspec.to_builtins(CLEAN)
    promised = (
        "students sent acked stored rejected flags_raised flags_seen ack_ms flag_ms "
        "expected_flags_missing unexpected_flags"
    )
    assert list(written)[:11] == promised.split()
    assert written["ack_ms"] == {"p50": 1, "p99": 2}
