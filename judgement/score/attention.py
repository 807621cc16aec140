"""Attention: which attempts ask for a teacher's eye, and which for the matter to be gone over again (docs/scores.md).

Pure. Asking for an eye decides nothing about anybody.
"""

from collections.abc import Iterable
from typing import Final

from judgement.score.thresholds import is_high_risk
from protocol.analysis import DropoutLabel
from protocol.flags import Severity

RECAP_LMI: Final = 30.0


def requires_attention(standing: Iterable[Severity], label: DropoutLabel | None) -> bool:
    """Whether a teacher should look: a standing flag is critical, or the label is `copy` or `incapable`.

    `standing` are the severities of the flags that stand; an unknown label asks for nothing.

    >>> requires_attention([Severity.WARNING], None), requires_attention([Severity.CRITICAL], None)
    (False, True)
    >>> requires_attention([], DropoutLabel.INCAPABLE)
    True
    """
    return Severity.CRITICAL in set(standing) or is_high_risk(label)


def requires_recap(lmi: float | None, *, passed: bool | None) -> bool:
    """Whether the matter should be gone over again: LMI below 30, or graded below passing; what is unknown is neither.

    >>> requires_recap(29.9, passed=True), requires_recap(None, passed=False), requires_recap(None, passed=None)
    (True, True, False)
    """
    return (lmi is not None and lmi < RECAP_LMI) or passed is False
