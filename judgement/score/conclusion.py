"""The conclusion after the end: everything that is judged about one attempt, from what is known of it.

Pure. It puts together what `scoring` and `momentum` found and `labels`, `attention` and `summary` make of it, and adds
nothing of its own.
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
    """What an attempt that has ended is concluded from; `passed` is None until it is graded."""

    score: Score
    flags: Sequence[JudgedFlag] = ()
    momentum: Momentum = Momentum()
    passed: bool | None = None


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """What is concluded about an attempt; an unknown figure is None, and no label rests on it."""

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
        """The Learning Momentum Index, 0..100."""
        return self.momentum.lmi

    @property
    def trend(self) -> Trend | None:
        """Which way the momentum went in the course of the attempt."""
        return self.momentum.trend


def conclude(known: ConclusionInput) -> Conclusion:
    """Conclude. For a label a flag is confirmed when it stands, is no note, and a person has confirmed it."""
    momentum = known.momentum
    standing = [flag for flag in known.flags if flag.is_counted]
    is_confirmed = any(
        flag.status is FlagStatus.CONFIRMED and flag.severity is not Severity.NORMAL for flag in standing
    )
    labelled = label(known.score.integrity, momentum.lmi, is_confirmed=is_confirmed)
    needs_recap = requires_recap(momentum.lmi, passed=known.passed)
    return Conclusion(
        integrity=known.score.integrity,
        coverage=known.score.coverage,
        momentum=momentum,
        label=labelled.label,
        confidence=labelled.confidence,
        needs_attention=requires_attention([flag.severity for flag in standing], labelled.label),
        needs_recap=needs_recap,
        summary=summarize_for_teacher(
            known.flags,
            integrity=known.score.integrity,
            coverage=known.score.coverage,
            momentum=momentum,
            label=labelled.label,
            needs_recap=needs_recap,
        ),
    )
