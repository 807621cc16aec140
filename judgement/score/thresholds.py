"""Thresholds for words: the word for an integrity score, and which labels are high risk (docs/scores.md).

`make docs` writes them to `web/shared/src/wire/constants.ts`. They decide nothing.
"""

from typing import Final

from protocol.analysis import HIGH_RISK, DropoutLabel, IntegrityStatus

GOOD_ABOVE: Final = 0.7
"""An integrity score above this is `good`."""

WARNING_ABOVE: Final = 0.4
"""An integrity score above this, and not `good`, is a `warning`; at or below it is `critical`."""


def name_integrity(integrity: float | None) -> IntegrityStatus:
    """Return the word for an integrity score; `unknown` for None.

    >>> [name_integrity(score).value for score in (0.71, 0.7, 0.4, None)]
    ['good', 'warning', 'critical', 'unknown']
    """
    if integrity is None:
        return IntegrityStatus.UNKNOWN
    if integrity > GOOD_ABOVE:
        return IntegrityStatus.GOOD
    return IntegrityStatus.WARNING if integrity > WARNING_ABOVE else IntegrityStatus.CRITICAL


def is_high_risk(label: DropoutLabel | str | None) -> bool:
    """Return whether a label means high risk; False for None."""
    return label in HIGH_RISK
