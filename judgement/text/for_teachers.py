"""The teacher's summary of an attempt, in plain words, from a template.

Pure, and without a language model (`llm_model_version` is then `rules`). It names results and the rules behind them,
never intentions. The student's text is in `judgement.text.for_students`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.momentum import Momentum
from judgement.score.thresholds import name_integrity
from protocol.analysis import DropoutLabel
from protocol.flags import UNDECIDED, FlagStatus, JudgedFlag, Severity

VERSION: Final = "rules"
"""The value of `llm_model_version` for a summary from this template."""

_LABELS: Final = {
    DropoutLabel.SAFE: "nothing unusual",
    DropoutLabel.INCAPABLE: "little own progress with good integrity; the topic may be too hard",
    DropoutLabel.COPY: "little own progress, low integrity and a confirmed flag",
    DropoutLabel.NO_INTEREST: "little own progress and low integrity",
}


class Sentence(msgspec.Struct, frozen=True):
    """One sentence, and the events that it cites, if any."""

    text: str
    cited: list[tuple[UUID, int]] = []


class Summary(msgspec.Struct, frozen=True):
    """The summary, recommendations, and what the drafts show about the origin of the texts."""

    text: str
    recommendations: list[Sentence] = []
    originality_indicators: list[Sentence] = []


def rule_titles(rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> dict[str, str]:
    """Return the titles of all supported rules by rule id. The newest rulebook's title wins."""
    return {rule.id: rule.title for version in sorted(rulebooks) for rule in rulebooks[version]}


def summarize_for_teacher(
    flags: Sequence[JudgedFlag],
    *,
    integrity: float | None,
    coverage: float | None,
    momentum: Momentum,
    label: DropoutLabel | None,
    needs_recap: bool,
) -> Summary:
    r"""Summarize the results of an attempt for a teacher, and what is left to decide.

    >>> from protocol.flags import FlagSource
    >>> flag = JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus.OPEN)
    >>> summary = summarize_for_teacher(
    ...     [flag], integrity=0.88, coverage=1.0, momentum=Momentum(), label=None, needs_recap=False
    ... )
    >>> print(summary.text.replace(". ", ".\n"))
    Observed 100 % of the time.
    Integrity 0.88 (good).
    1 flag counts: left the page (1 open).
    Too few drafts for an LMI.
    >>> [sentence.text for sentence in summary.recommendations]
    ['Review 1 flag without a decision.']
    """
    sentences = [_describe_coverage(coverage), _describe_integrity(integrity), _describe_counting(flags)]
    notes = sum(flag.is_counted and flag.severity is Severity.NORMAL for flag in flags)
    if notes:
        sentences.append(f"{_many(notes, 'note')} that {'does' if notes == 1 else 'do'} not count.")
    advisory = sum(not flag.is_counted and flag.status in UNDECIDED for flag in flags)
    if advisory:
        sentences.append(f"{_many(advisory, 'advisory flag')}, not counted in the score.")
    sentences.append(_describe_momentum(momentum))
    if label is not None:
        sentences.append(f"Label {label}: {_LABELS[label]}.")
    return Summary(
        " ".join(sentences),
        [Sentence(text) for text in _recommend(flags, integrity, needs_recap=needs_recap)],
        [Sentence(text) for text in _describe_origin(momentum)],
    )


def _describe_coverage(coverage: float | None) -> str:
    return "Never observed." if coverage is None else f"Observed {_percent(coverage)} of the time."


def _describe_integrity(integrity: float | None) -> str:
    if integrity is None:
        return "No integrity score: too little of the time was observed."
    return f"Integrity {integrity:.2f} ({name_integrity(integrity)})."


def _describe_counting(flags: Sequence[JudgedFlag]) -> str:
    counting = [flag for flag in flags if flag.is_counted and flag.severity is not Severity.NORMAL]
    dismissed = sum(flag.status in (FlagStatus.DISMISSED, FlagStatus.WITHDRAWN) for flag in flags)
    aside = f" {_many(dismissed, 'flag')} dismissed or withdrawn." if dismissed else ""
    if not counting:
        return f"No flags count.{aside}"
    by_rule: dict[str, list[JudgedFlag]] = {}
    for flag in counting:
        by_rule.setdefault(flag.rule, []).append(flag)
    titles = rule_titles()
    rules = "; ".join(f"{titles.get(rule, rule)} ({_statuses(by_rule[rule])})" for rule in sorted(by_rule))
    return f"{_many(len(counting), 'flag')} {'counts' if len(counting) == 1 else 'count'}: {rules}.{aside}"


def _describe_momentum(momentum: Momentum) -> str:
    if momentum.lmi is None:
        return "Too few drafts for an LMI."
    pasted = f", {momentum.pasted} only by pasting" if momentum.pasted else ""
    return f"LMI {momentum.lmi:.0f}: {momentum.progressed} of {_many(momentum.pairs, 'draft')} made progress{pasted}."


def _recommend(flags: Sequence[JudgedFlag], integrity: float | None, *, needs_recap: bool) -> list[str]:
    undecided = sum(flag.status in UNDECIDED and flag.severity is not Severity.NORMAL for flag in flags)
    recommendations = []
    if undecided:
        recommendations.append(f"Review {_many(undecided, 'flag')} without a decision.")
    if integrity is None:
        recommendations.append("Do not draw conclusions from periods without data. If it matters, talk to the student.")
    if needs_recap:
        recommendations.append("Repeat the topic with the student.")
    return recommendations


def _describe_origin(momentum: Momentum) -> list[str]:
    if not momentum.pasted:
        return []
    return [f"{momentum.pasted} of {_many(momentum.pairs, 'step')} between drafts added text only by pasting."]


def _statuses(flags: Sequence[JudgedFlag]) -> str:
    counted = Counter(flag.status for flag in flags)
    return ", ".join(f"{counted[status]} {status}" for status in FlagStatus if counted[status])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
