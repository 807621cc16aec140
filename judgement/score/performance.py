"""Performance: one student over all attempts whose review is final (docs/scores.md has a worked example).

Pure. Which attempts are final is for the caller to say; a figure that no attempt gives is None, never nought.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from statistics import fmean
from typing import Final

import msgspec

from judgement.score.thresholds import is_high_risk
from protocol.analysis import DropoutLabel, FinalAttempt, Performance, Trend

INTEGRITY_TREND: Final = 0.05
LMI_TREND: Final = 5.0

RECENT: Final = 3
RISKS: Final = 2
"""So many of the most recent attempts of high risk are more than one bad day."""


def compute_performance(attempts: Iterable[FinalAttempt]) -> Performance:
    """Conclude a student's figures from their final attempts, in any order.

    Strengths are the subjects of the best average percentage, weaknesses those of the worst, where subjects differ. A
    trend compares the mean of the later half with that of the earlier one, the middle one left out. Flagged is who has
    at least two attempts of high risk among the last three; their risk is the commoner label of those, the newer one
    of two; everybody else's is `safe`, and None as long as none of the three has a label.

    >>> days = [("physics", 90.0, 0.9), ("physics", 70.0, 0.8), ("history", 50.0, 0.6)]
    >>> attempts = [FinalAttempt(subject=s, ended_ms=n, percentage=p, integrity=i) for n, (s, p, i) in enumerate(days)]
    >>> found = compute_performance(attempts)
    >>> found.avg_score, found.subject_scores, found.strengths, found.weaknesses
    (70.0, {'history': 50.0, 'physics': 80.0}, ['physics'], ['history'])
    >>> found.integrity_trend.value, found.avg_lmi, found.current_risk
    ('down', None, None)
    """
    # By all fields, so that attempts of one moment come in one order too.
    ordered = sorted(attempts, key=lambda one: (one.ended_ms, msgspec.json.encode(one)))
    subjects = _by_subject(ordered)
    risk, is_flagged = _judge_risk([one.label for one in ordered[-RECENT:]])
    integrities = [one.integrity for one in ordered if one.integrity is not None]
    lmis = [one.lmi for one in ordered if one.lmi is not None]
    return Performance(
        total_exams=len(ordered),
        passed_exams=sum(one.passed is True for one in ordered),
        avg_score=_mean([one.percentage for one in ordered if one.percentage is not None]),
        subject_scores=subjects,
        strengths=_at(subjects, max(subjects.values(), default=0.0)),
        weaknesses=_at(subjects, min(subjects.values(), default=0.0)),
        avg_integrity=_mean(integrities),
        integrity_trend=_trend(integrities, INTEGRITY_TREND),
        avg_lmi=_mean(lmis),
        lmi_trend=_trend(lmis, LMI_TREND),
        current_risk=risk,
        is_flagged=is_flagged,
        last_ended_ms=max(map(attrgetter("ended_ms"), ordered), default=None),
    )


def _by_subject(attempts: Sequence[FinalAttempt]) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for one in attempts:
        if one.subject and one.percentage is not None:
            scores.setdefault(one.subject, []).append(one.percentage)
    return {subject: fmean(scores[subject]) for subject in sorted(scores)}


def _at(subjects: dict[str, float], average: float) -> list[str]:
    """The subjects of this average; none where all have the same."""
    if len(set(subjects.values())) < 2:
        return []
    return [subject for subject, score in subjects.items() if score == average]


def _judge_risk(labels: Sequence[DropoutLabel | None]) -> tuple[DropoutLabel | None, bool]:
    risks = [label for label in labels if label is not None and is_high_risk(label)]
    if len(risks) < RISKS:
        return (None if all(label is None for label in labels) else DropoutLabel.SAFE), False
    # The newest first: of labels as common as one another the first counted stays first.
    return Counter(reversed(risks)).most_common(1)[0][0], True


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _trend(values: Sequence[float], least: float) -> Trend | None:
    half = len(values) // 2
    if half == 0:
        return None
    change = fmean(values[-half:]) - fmean(values[:half])
    if abs(change) <= least:
        return Trend.STEADY
    return Trend.UP if change > 0 else Trend.DOWN
