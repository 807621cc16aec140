import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import thresholds
from judgement.score.thresholds import is_high_risk, name_integrity
from protocol.analysis import DropoutLabel, IntegrityStatus

ORDER = [IntegrityStatus.CRITICAL, IntegrityStatus.WARNING, IntegrityStatus.GOOD]


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(thresholds) == doctest.TestResults(0, 1)


@pytest.mark.parametrize(
    ("integrity", "word"),
    [(1.0, "good"), (0.701, "good"), (0.7, "warning"), (0.401, "warning"), (0.4, "critical"), (0.0, "critical")],
)
def test_words_change_at_the_thresholds(integrity: float, word: str) -> None:
    assert name_integrity(integrity) == word


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_never_has_a_worse_word(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert ORDER.index(name_integrity(low)) <= ORDER.index(name_integrity(high))


def test_unknown_is_a_word_and_not_high_risk() -> None:
    assert name_integrity(None) == "unknown"
    assert not is_high_risk(None)


def test_two_labels_are_high_risk() -> None:
    assert {label for label in DropoutLabel if is_high_risk(label)} == {"copy", "incapable"}
    assert is_high_risk("copy")
