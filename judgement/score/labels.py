"""Labels: integrity and momentum together become one of four words, for teachers, after the exam (docs/scores.md).

Pure. A label is a hint for a talk, never a verdict: where either number is unknown there is none.
"""

from typing import Final

import msgspec

from protocol.analysis import DropoutLabel

_INTEGRITY: Final = (0.0, 0.3, 0.4, 1.0)
_LMI: Final = (0.0, 30.0, 50.0, 100.0)
"""Where the bands of the two numbers begin and end; what is on a border belongs to the band above it."""

_SURE: Final = (0.2, 20.0)
"""Who is so far from every other label, in integrity or in LMI, is given theirs with whole confidence."""

_LABELS: Final = (
    # LMI below 30, below 50, from 50 on
    (DropoutLabel.COPY, DropoutLabel.NO_INTEREST, DropoutLabel.SAFE),  # integrity below 0.3
    (DropoutLabel.NO_INTEREST, DropoutLabel.NO_INTEREST, DropoutLabel.SAFE),  # below 0.4
    (DropoutLabel.INCAPABLE, DropoutLabel.SAFE, DropoutLabel.SAFE),  # from 0.4 on
)
_BANDS: Final = (0, 1, 2)


class Labeled(msgspec.Struct, frozen=True):
    """A label and how surely it is given, 0.5..1; neither where a number it needs is unknown."""

    label: DropoutLabel | None = None
    confidence: float | None = None


def label(integrity: float | None, lmi: float | None, *, is_confirmed: bool) -> Labeled:
    """Give an attempt its label; `is_confirmed` says whether a person has confirmed a flag of it.

    JUDGEMENT §3: integrity < 0.3 and LMI < 30 is `copy`, without a confirmed flag `no_interest`; integrity >= 0.4 and
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
    given = _label_of(_band(integrity, _INTEGRITY), _band(lmi, _LMI), is_confirmed=is_confirmed)
    nearest = min(
        max(_gap(integrity, _INTEGRITY, row) / _SURE[0], _gap(lmi, _LMI, column) / _SURE[1])
        for row in _BANDS
        for column in _BANDS
        if _label_of(row, column, is_confirmed=is_confirmed) is not given
    )
    return Labeled(given, 0.5 + 0.5 * min(nearest, 1.0))


def _label_of(row: int, column: int, *, is_confirmed: bool) -> DropoutLabel:
    found = _LABELS[row][column]
    return DropoutLabel.NO_INTEREST if found is DropoutLabel.COPY and not is_confirmed else found


def _band(value: float, borders: tuple[float, ...]) -> int:
    return sum(value >= border for border in borders[1:-1])


def _gap(value: float, borders: tuple[float, ...], band: int) -> float:
    """How far a value is from a band."""
    return max(borders[band] - value, value - borders[band + 1], 0.0)
