"""Compute all results of one attempt after its end: label, attention, recap and the teacher's summary.

Pure. It combines the results of the other modules of this package and has no formulas itself.
"""

from collections.abc import Sequence

import msgspec

from judgement.score.attention import requires_attention, requires_recap
from judgement.score.labels import label
from judgement.score.momentum import Momentum
from judgement.text.for_teachers import Summary, summarize_for_teacher
from protocol.analysis import DropoutLabel, Score, Trend
from protocol.flags import FlagStatus, JudgedFlag, Severity


class ConclusionInput(msgspec.Struct, frozen=True, kw_only=True):
    """The input for the results of an ended attempt. `passed` is None until it is graded."""

    score: Score
    flags: Sequence[JudgedFlag] = ()
    momentum: Momentum = Momentum()
    passed: bool | None = None


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """The results of an attempt. An unknown figure is None, and then there is no label."""

    integrity: float | None
    coverage: float | None
    momentum: Momentum
    label: DropoutLabel | None
    confidence: float | None
    needs_attention: bool
    needs_recap: bool
    summary: Summary

    @property
    def lmi(self) -> float | None:
        """Return the Learning Momentum Index, 0..100."""
        return self.momentum.lmi

    @property
    def trend(self) -> Trend | None:
        """Return the trend of the LMI during the attempt."""
        return self.momentum.trend


def conclude(given: ConclusionInput) -> Conclusion:
    """Compute the results. For the label, a confirmed flag is one that counts and is not a note."""
    momentum = given.momentum
    counting = [flag for flag in given.flags if flag.is_counted]
    is_confirmed = any(
        flag.status is FlagStatus.CONFIRMED and flag.severity is not Severity.NORMAL for flag in counting
    )
    labeled = label(given.score.integrity, momentum.lmi, is_confirmed=is_confirmed)
    needs_recap = requires_recap(momentum.lmi, passed=given.passed)
    return Conclusion(
        integrity=given.score.integrity,
        coverage=given.score.coverage,
        momentum=momentum,
        label=labeled.label,
        confidence=labeled.confidence,
        needs_attention=requires_attention([flag.severity for flag in counting], labeled.label),
        needs_recap=needs_recap,
        summary=summarize_for_teacher(
            given.flags,
            integrity=given.score.integrity,
            coverage=given.score.coverage,
            momentum=momentum,
            label=labeled.label,
            needs_recap=needs_recap,
        ),
    )
