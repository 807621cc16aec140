import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import attention
from judgement.score.attention import requires_attention, requires_recap
from protocol.analysis import DropoutLabel
from protocol.flags import Severity

severities = st.lists(st.sampled_from(Severity), max_size=6)
labels = st.none() | st.sampled_from(DropoutLabel)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(attention) == doctest.TestResults(0, 3)


@given(severities, labels, st.sampled_from(Severity))
def test_another_flag_never_removes_attention(
    standing: list[Severity], label: DropoutLabel | None, more: Severity
) -> None:
    assert requires_attention([*standing, more], label) >= requires_attention(standing, label)


@given(st.lists(st.sampled_from([Severity.NORMAL, Severity.WARNING]), max_size=6))
def test_notes_and_warnings_alone_never_require_attention(standing: list[Severity]) -> None:
    assert not requires_attention(standing, None)
    assert not requires_attention(standing, DropoutLabel.SAFE)


@pytest.mark.parametrize(
    ("lmi", "passed", "expected"),
    [
        (29.9, None, True),
        (30.0, None, False),
        (None, None, False),
        (None, False, True),
        (None, True, False),
        (90.0, False, True),
        (90.0, True, False),
    ],
)
def test_a_recap_is_required_for_a_low_lmi_or_a_failed_exam(
    lmi: float | None, passed: bool | None, expected: bool
) -> None:
    assert requires_recap(lmi, passed=passed) is expected
