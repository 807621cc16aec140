"""Attention and recap: which attempts a teacher should check, and where the topic needs a recap (docs/scores.md).

Pure. It decides nothing about a student.
"""

from collections.abc import Iterable
from typing import Final

from judgement.score.thresholds import is_high_risk
from protocol.analysis import DropoutLabel
from protocol.flags import Severity

RECAP_BELOW_LMI: Final = 30.0


def requires_attention(severities: Iterable[Severity], label: DropoutLabel | None) -> bool:
    """Return whether a teacher should check the attempt: a flag that counts is critical, or the label is high risk.

    `severities` are those of the flags that count. An unknown label is not high risk.

    >>> requires_attention([Severity.WARNING], None), requires_attention([Severity.CRITICAL], None)
    (False, True)
    >>> requires_attention([], DropoutLabel.INCAPABLE)
    True
    """
    return Severity.CRITICAL in set(severities) or is_high_risk(label)


def requires_recap(lmi: float | None, *, passed: bool | None) -> bool:
    """Return whether the topic needs a recap: LMI below 30, or graded below passing. Unknown values do not count.

    >>> requires_recap(29.9, passed=True), requires_recap(None, passed=False), requires_recap(None, passed=None)
    (True, True, False)
    """
    return (lmi is not None and lmi < RECAP_BELOW_LMI) or passed is False
