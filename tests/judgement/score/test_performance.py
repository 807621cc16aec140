import doctest
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import performance
from judgement.score.performance import compute_performance
from protocol.analysis import DropoutLabel, FinalAttempt, Performance, Trend

SAFE, COPY, INCAPABLE = DropoutLabel.SAFE, DropoutLabel.COPY, DropoutLabel.INCAPABLE

attempts = st.lists(
    st.builds(
        FinalAttempt,
        subject=st.sampled_from(["", "physics", "history"]),
        ended_ms=st.integers(0, 9),
        percentage=st.none() | st.floats(0, 100),
        passed=st.none() | st.booleans(),
        integrity=st.none() | st.floats(0, 1),
        lmi=st.none() | st.floats(0, 100),
        label=st.none() | st.sampled_from(DropoutLabel),
    ),
    max_size=8,
)


def labelled(*labels: DropoutLabel | None) -> Performance:
    return compute_performance(
        [FinalAttempt(subject="physics", ended_ms=n, label=label) for n, label in enumerate(labels)]
    )


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(performance) == doctest.TestResults(0, 5)


def test_the_example_in_the_docs_holds() -> None:
    months = [
        ("Physics", 62.0, True, 0.95, 25.0, INCAPABLE),
        ("History", 81.0, True, 0.9, 70.0, SAFE),
        ("Physics", 48.0, False, 0.8, 20.0, INCAPABLE),
        ("Physics", 55.0, True, 0.75, 25.0, INCAPABLE),
    ]
    found = compute_performance(
        FinalAttempt(subject=s, ended_ms=n, percentage=p, passed=passed, integrity=i, lmi=lmi, label=label)
        for n, (s, p, passed, i, lmi, label) in enumerate(months)
    )
    assert (found.total_exams, found.passed_exams, found.avg_score) == (4, 3, 61.5)
    assert found.subject_scores == {"History": 81.0, "Physics": 55.0}
    assert (found.strengths, found.weaknesses) == (["History"], ["Physics"])
    assert found.avg_integrity == pytest.approx(0.85)
    assert found.avg_lmi == pytest.approx(35.0)
    assert (found.integrity_trend, found.lmi_trend) == (Trend.DOWN, Trend.DOWN)
    assert (found.current_risk, found.is_flagged) == (INCAPABLE, True)


def test_without_final_attempts_all_figures_are_unknown() -> None:
    assert compute_performance([]) == Performance()


@given(attempts)
def test_a_figure_is_unknown_without_values_and_else_within_them(attempts: list[FinalAttempt]) -> None:
    found = compute_performance(attempts)
    for mean, values in (
        (found.avg_score, [one.percentage for one in attempts]),
        (found.avg_integrity, [one.integrity for one in attempts]),
        (found.avg_lmi, [one.lmi for one in attempts]),
    ):
        known = [value for value in values if value is not None]
        assert (mean is None) == (not known)
        assert mean is None or min(known) - 1e-9 <= mean <= max(known) + 1e-9
    assert (found.current_risk is None) <= (not found.is_flagged)
    assert found.passed_exams <= found.total_exams == len(attempts)


@given(attempts, st.randoms())
def test_the_order_of_attempts_does_not_matter(attempts: list[FinalAttempt], random: Random) -> None:
    mixed = list(attempts)
    random.shuffle(mixed)
    assert compute_performance(mixed) == compute_performance(attempts)


@pytest.mark.parametrize(
    ("labels", "risk", "is_flagged"),
    [
        ([COPY], SAFE, False),
        ([None], None, False),
        ([None, COPY, None], SAFE, False),
        ([COPY, COPY], COPY, True),
        ([COPY, INCAPABLE], INCAPABLE, True),
        ([INCAPABLE, COPY, COPY], COPY, True),
        ([INCAPABLE, COPY, INCAPABLE], INCAPABLE, True),
        ([COPY, COPY, SAFE, SAFE], SAFE, False),
        ([COPY, SAFE, COPY, SAFE], SAFE, False),
        ([SAFE, COPY, SAFE, COPY], COPY, True),
        ([COPY, COPY, None, None, None], None, False),
    ],
)
def test_risk_needs_two_of_the_last_three(
    labels: list[DropoutLabel | None], risk: DropoutLabel | None, is_flagged: bool
) -> None:
    found = labelled(*labels)
    assert (found.current_risk, found.is_flagged) == (risk, is_flagged)


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([], None),
        ([0.9], None),
        ([0.9, 0.8], Trend.DOWN),
        ([0.5, 0.56], Trend.UP),
        ([0.5, 0.54], Trend.STEADY),
        ([0.9, 0.1, 0.9], Trend.STEADY),
        ([0.5, None, 0.9], Trend.UP),
    ],
)
def test_a_trend_compares_halves(values: list[float | None], trend: Trend | None) -> None:
    found = compute_performance(FinalAttempt(subject="", ended_ms=n, integrity=value) for n, value in enumerate(values))
    assert found.integrity_trend is trend


def test_equal_subjects_are_neither_strength_nor_weakness() -> None:
    same = [FinalAttempt(subject=name, ended_ms=0, percentage=70.0) for name in ("physics", "history")]
    assert (compute_performance(same).strengths, compute_performance(same).weaknesses) == ([], [])
    assert compute_performance(same[:1]).strengths == []
