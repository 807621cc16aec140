import pytest

from protocol.flags import (
    DECIDED,
    UNDECIDED,
    FlagSource,
    FlagStatus,
    JudgedFlag,
    Severity,
    flag_counts,
)


@pytest.mark.parametrize("status", FlagStatus)
def test_a_rule_s_flag_counts_unless_it_is_dismissed_or_withdrawn(status: FlagStatus) -> None:
    assert flag_counts(FlagSource.RULE, status) is (status not in (FlagStatus.DISMISSED, FlagStatus.WITHDRAWN))


@pytest.mark.parametrize("status", FlagStatus)
def test_a_teacher_s_flag_counts_once_it_is_confirmed(status: FlagStatus) -> None:
    assert flag_counts(FlagSource.TEACHER, status) is (status is FlagStatus.CONFIRMED)


@pytest.mark.parametrize("source", [FlagSource.LLM, FlagSource.SERVICE])
@pytest.mark.parametrize("status", FlagStatus)
def test_a_flag_of_a_program_never_counts(source: FlagSource, status: FlagStatus) -> None:
    assert flag_counts(source, status) is False


def test_an_undecided_flag_counts_only_if_a_rule_raised_it() -> None:
    assert JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus.OPEN).is_counted
    assert not JudgedFlag("model", FlagSource.LLM, Severity.WARNING, 0.8, FlagStatus.OPEN).is_counted


def test_every_status_is_decided_or_undecided() -> None:
    assert {*DECIDED, *UNDECIDED} == set(FlagStatus)
    assert not {*DECIDED} & {*UNDECIDED}
