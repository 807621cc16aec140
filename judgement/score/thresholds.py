"""Words for numbers: what a score or a label is called where people read it (docs/scores.md). It decides nothing."""

from typing import Final

from protocol.analysis import DropoutLabel, IntegrityStatus

HIGH_RISK: Final = frozenset({DropoutLabel.COPY, DropoutLabel.INCAPABLE})
"""The labels that count as high risk."""


def name_integrity(integrity: float | None) -> IntegrityStatus:
    """Put an integrity score in a word: good above 0.7, warning above 0.4, critical from there; None is unknown.

    >>> [name_integrity(score).value for score in (0.71, 0.7, 0.4, None)]
    ['good', 'warning', 'critical', 'unknown']
    """
    if integrity is None:
        return IntegrityStatus.UNKNOWN
    if integrity > 0.7:
        return IntegrityStatus.GOOD
    return IntegrityStatus.WARNING if integrity > 0.4 else IntegrityStatus.CRITICAL


def is_high_risk(label: DropoutLabel | str | None) -> bool:
    """Whether a label means high risk; no label means none."""
    return label in HIGH_RISK
