"""Labels: one of four words computed from integrity and LMI, for teachers, after the exam (docs/scores.md).

Pure. A label suggests a talk with the student and is never a verdict. If integrity or LMI is unknown, there is none.
"""

from typing import Final

import msgspec

from protocol.analysis import DropoutLabel

_INTEGRITY: Final = (0.0, 0.3, 0.4, 1.0)
_LMI: Final = (0.0, 30.0, 50.0, 100.0)
"""The borders of the bands of the two numbers. A value on a border belongs to the band above it."""

_SURE_DISTANCE: Final = (0.2, 20.0)
"""The distance to the nearest other label, in integrity and in LMI, from which on the confidence is 1."""

_LABELS: Final = (
    # LMI below 30, below 50, from 50 on
    (DropoutLabel.COPY, DropoutLabel.NO_INTEREST, DropoutLabel.SAFE),  # integrity below 0.3
    (DropoutLabel.NO_INTEREST, DropoutLabel.NO_INTEREST, DropoutLabel.SAFE),  # below 0.4
    (DropoutLabel.INCAPABLE, DropoutLabel.SAFE, DropoutLabel.SAFE),  # from 0.4 on
)
_BANDS: Final = (0, 1, 2)


class Labeled(msgspec.Struct, frozen=True):
    """A label and its confidence, 0.5..1. Both are None if integrity or LMI is unknown."""

    label: DropoutLabel | None = None
    confidence: float | None = None


def label(integrity: float | None, lmi: float | None, *, is_confirmed: bool) -> Labeled:
    """Compute the label of an attempt. `is_confirmed`: whether a reviewer has confirmed a flag of it.

    docs/scores.md: integrity < 0.3 and LMI < 30 is `copy`, without a confirmed flag `no_interest`; integrity >= 0.4 and
    LMI < 30 is `incapable`; integrity < 0.4 and LMI < 50 is `no_interest`; everything else is `safe`.

    The confidence is 0.5 on a border and grows with the distance d to the nearest point of another label, the larger of
    |Δ integrity| / 0.2 and |Δ LMI| / 20, as 0.5 + 0.5·min(d, 1).

    >>> label(0.9, 20.0, is_confirmed=False)  # ten points of LMI below the border: d = 0.5
    Labeled(label=<DropoutLabel.INCAPABLE: 'incapable'>, confidence=0.75)
    >>> label(0.2, 10.0, is_confirmed=True).label, label(0.2, 10.0, is_confirmed=False).label
    (<DropoutLabel.COPY: 'copy'>, <DropoutLabel.NO_INTEREST: 'no_interest'>)
    >>> label(None, 10.0, is_confirmed=True)
    Labeled(label=None, confidence=None)
    """
    if integrity is None or lmi is None:
        return Labeled()
    found = _label_of(_band(integrity, _INTEGRITY), _band(lmi, _LMI), is_confirmed=is_confirmed)
    nearest = min(
        max(_gap(integrity, _INTEGRITY, row) / _SURE_DISTANCE[0], _gap(lmi, _LMI, column) / _SURE_DISTANCE[1])
        for row in _BANDS
        for column in _BANDS
        if _label_of(row, column, is_confirmed=is_confirmed) is not found
    )
    return Labeled(found, 0.5 + 0.5 * min(nearest, 1.0))


def _label_of(row: int, column: int, *, is_confirmed: bool) -> DropoutLabel:
    cell = _LABELS[row][column]
    return DropoutLabel.NO_INTEREST if cell is DropoutLabel.COPY and not is_confirmed else cell


def _band(value: float, borders: tuple[float, ...]) -> int:
    return sum(value >= border for border in borders[1:-1])


def _gap(value: float, borders: tuple[float, ...], band: int) -> float:
    """Return the distance of a value from a band."""
    return max(borders[band] - value, value - borders[band + 1], 0.0)
