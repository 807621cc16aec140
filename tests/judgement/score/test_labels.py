import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.score import labels
from judgement.score.labels import Labeled, label
from protocol.analysis import DropoutLabel

integrities = st.floats(0, 1)
lmis = st.floats(0, 100)


def test_the_examples_in_the_docstring_hold() -> None:
    assert doctest.testmod(labels) == doctest.TestResults(0, 3)


@pytest.mark.parametrize(
    ("integrity", "lmi", "expected"),
    [
        (0.29, 29.9, DropoutLabel.COPY),
        (0.3, 29.9, DropoutLabel.NO_INTEREST),
        (0.29, 30.0, DropoutLabel.NO_INTEREST),
        (0.39, 49.9, DropoutLabel.NO_INTEREST),
        (0.39, 50.0, DropoutLabel.SAFE),
        (0.4, 29.9, DropoutLabel.INCAPABLE),
        (0.4, 30.0, DropoutLabel.SAFE),
        (0.0, 100.0, DropoutLabel.SAFE),
        (1.0, 0.0, DropoutLabel.INCAPABLE),
        (1.0, 100.0, DropoutLabel.SAFE),
    ],
)
def test_labels_change_at_the_borders(integrity: float, lmi: float, expected: DropoutLabel) -> None:
    assert label(integrity, lmi, is_confirmed=True).label is expected


@given(st.none() | integrities, st.none() | lmis, st.booleans())
def test_unknown_figures_give_no_label(integrity: float | None, lmi: float | None, is_confirmed: bool) -> None:
    found = label(integrity, lmi, is_confirmed=is_confirmed)
    assert (found == Labeled()) == (integrity is None or lmi is None)
    assert (found.label is None) == (found.confidence is None)


@given(integrities, lmis)
def test_copy_needs_a_confirmed_flag(integrity: float, lmi: float) -> None:
    sure, unsure = label(integrity, lmi, is_confirmed=True).label, label(integrity, lmi, is_confirmed=False).label
    assert unsure is not DropoutLabel.COPY
    assert unsure is (DropoutLabel.NO_INTEREST if sure is DropoutLabel.COPY else sure)


@given(integrities, lmis, st.booleans())
def test_confidence_is_at_least_a_half(integrity: float, lmi: float, is_confirmed: bool) -> None:
    found = label(integrity, lmi, is_confirmed=is_confirmed).confidence
    assert found is not None
    assert 0.5 <= found <= 1


@given(integrities, lmis, integrities, lmis, st.booleans())
def test_confidence_shrinks_on_the_way_to_another_label(
    integrity: float, lmi: float, other_integrity: float, other_lmi: float, is_confirmed: bool
) -> None:
    """It is never larger than the distance to a point of another label allows."""
    here = label(integrity, lmi, is_confirmed=is_confirmed)
    there = label(other_integrity, other_lmi, is_confirmed=is_confirmed)
    assert here.confidence is not None
    if here.label is not there.label:
        distance = max(abs(integrity - other_integrity) / 0.2, abs(lmi - other_lmi) / 20)
        assert here.confidence <= 0.5 + 0.5 * min(distance, 1) + 1e-9


@given(st.floats(0, 0.299), lmis, lmis)
def test_with_more_momentum_a_label_never_gets_worse(integrity: float, lmi: float, other: float) -> None:
    order = [DropoutLabel.COPY, DropoutLabel.NO_INTEREST, DropoutLabel.SAFE]
    less, more = (label(integrity, value, is_confirmed=True).label for value in sorted((lmi, other)))
    assert less is not None
    assert more is not None
    assert order.index(less) <= order.index(more)
