"""A student's figures over all attempts whose review is final (docs/scores.md has a worked example).

Pure. The caller selects the final attempts. A figure without any values is None, never zero.
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
"""A student is flagged if this many of the `RECENT` last attempts are high risk."""


def compute_performance(attempts: Iterable[FinalAttempt]) -> Performance:
    """Compute a student's figures from the final attempts, in any order.

    Strengths are the subjects with the best average percentage, weaknesses those with the worst, if subjects differ. A
    trend compares the mean of the later half with the mean of the earlier half; the middle value is left out. A student
    is flagged with at least two attempts of high risk among the last three. The current risk is then the more frequent
    label of those, or the newer of two; otherwise it is `safe`, and None while none of the three has a label.

    >>> days = [("physics", 90.0, 0.9), ("physics", 70.0, 0.8), ("history", 50.0, 0.6)]
    >>> attempts = [FinalAttempt(subject=s, ended_ms=n, percentage=p, integrity=i) for n, (s, p, i) in enumerate(days)]
    >>> found = compute_performance(attempts)
    >>> found.avg_score, found.subject_scores, found.strengths, found.weaknesses
    (70.0, {'history': 50.0, 'physics': 80.0}, ['physics'], ['history'])
    >>> found.integrity_trend.value, found.avg_lmi, found.current_risk
    ('down', None, None)
    """
    # Sorted by all fields, so that attempts with the same end have a fixed order too.
    ordered = sorted(attempts, key=lambda attempt: (attempt.ended_ms, msgspec.json.encode(attempt)))
    subjects = _by_subject(ordered)
    risk, is_flagged = _current_risk([attempt.label for attempt in ordered[-RECENT:]])
    integrities = [attempt.integrity for attempt in ordered if attempt.integrity is not None]
    lmis = [attempt.lmi for attempt in ordered if attempt.lmi is not None]
    return Performance(
        total_exams=len(ordered),
        passed_exams=sum(attempt.passed is True for attempt in ordered),
        avg_score=_mean([attempt.percentage for attempt in ordered if attempt.percentage is not None]),
        subject_scores=subjects,
        strengths=_subjects_with(subjects, max(subjects.values(), default=0.0)),
        weaknesses=_subjects_with(subjects, min(subjects.values(), default=0.0)),
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
    for attempt in attempts:
        if attempt.subject and attempt.percentage is not None:
            scores.setdefault(attempt.subject, []).append(attempt.percentage)
    return {subject: fmean(scores[subject]) for subject in sorted(scores)}


def _subjects_with(subjects: dict[str, float], average: float) -> list[str]:
    """Return the subjects with this average; none if all averages are equal."""
    if len(set(subjects.values())) < 2:
        return []
    return [subject for subject, score in subjects.items() if score == average]


def _current_risk(labels: Sequence[DropoutLabel | None]) -> tuple[DropoutLabel | None, bool]:
    risks = [label for label in labels if label is not None and is_high_risk(label)]
    if len(risks) < RISKS:
        return (None if all(label is None for label in labels) else DropoutLabel.SAFE), False
    # Newest first: of equally frequent labels, the one counted first is returned.
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
