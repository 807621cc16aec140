"""The summary: what the flags of an attempt come to, in plain words, by template, for its teacher.

Pure, and no model has a part in it (`llm_model_version` is then `rules`). It names what was concluded and by which
rule, never what anyone meant. What its student reads is written in `judgement.text.for_students`.
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
from protocol.flags import FlagStatus, JudgedFlag, Severity

VERSION: Final = "rules"
"""What stands in `llm_model_version` when a template wrote the summary."""

_UNDECIDED: Final = frozenset({FlagStatus.OPEN, FlagStatus.ESCALATED})
_LABELS: Final = {
    DropoutLabel.SAFE: "nothing stands out",
    DropoutLabel.INCAPABLE: "little progress of their own while integrity held: the matter may be too hard",
    DropoutLabel.COPY: "little progress of their own, low integrity, and a confirmed flag",
    DropoutLabel.NO_INTEREST: "little progress of their own and low integrity",
}


class Statement(msgspec.Struct, frozen=True):
    """One sentence, and the facts it rests on where it names some."""

    text: str
    cited: list[tuple[UUID, int]] = []


class Summary(msgspec.Struct, frozen=True):
    """A summary, what is recommended, and what the drafts say of how the texts came to be, in plain sentences."""

    text: str
    recommendations: list[Statement] = []
    originality_indicators: list[Statement] = []


def rule_titles(rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> dict[str, str]:
    """The names of all rules this version carries, by their ids; a newer rulebook's name goes first."""
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
    r"""Tell a teacher what was concluded about an attempt, and what is left to a person.

    >>> from protocol.flags import FlagSource
    >>> flag = JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus.OPEN)
    >>> told = summarize_for_teacher(
    ...     [flag], integrity=0.88, coverage=1.0, momentum=Momentum(), label=None, needs_recap=False
    ... )
    >>> print(told.text.replace(". ", ".\n"))
    Observed 100 % of the time.
    Integrity 0.88 (good).
    1 flag stands: left the page (1 open).
    Too few drafts for an LMI.
    >>> [one.text for one in told.recommendations]
    ['Review 1 flag that nobody has decided about.']
    """
    sentences = [_tell_coverage(coverage), _tell_integrity(integrity), _tell_standing(flags)]
    notes = sum(flag.is_counted and flag.severity is Severity.NORMAL for flag in flags)
    if notes:
        sentences.append(f"{_many(notes, 'note')} that {'weighs' if notes == 1 else 'weigh'} nothing.")
    advisory = sum(not flag.is_counted and flag.status in _UNDECIDED for flag in flags)
    if advisory:
        sentences.append(f"{_many(advisory, 'advisory flag')}, not counted unless a person confirms it.")
    sentences.append(_tell_momentum(momentum))
    if label is not None:
        sentences.append(f"Label {label}: {_LABELS[label]}.")
    return Summary(
        " ".join(sentences),
        [Statement(text) for text in _recommend(flags, integrity, needs_recap=needs_recap)],
        [Statement(text) for text in _indicate(momentum)],
    )


def _tell_coverage(coverage: float | None) -> str:
    return "Not observed at all." if coverage is None else f"Observed {_percent(coverage)} of the time."


def _tell_integrity(integrity: float | None) -> str:
    if integrity is None:
        return "Not enough was seen for an integrity score."
    return f"Integrity {integrity:.2f} ({name_integrity(integrity)})."


def _tell_standing(flags: Sequence[JudgedFlag]) -> str:
    standing = [flag for flag in flags if flag.is_counted and flag.severity is not Severity.NORMAL]
    set_aside = sum(flag.status in (FlagStatus.DISMISSED, FlagStatus.WITHDRAWN) for flag in flags)
    aside = f" {_many(set_aside, 'flag')} set aside." if set_aside else ""
    if not standing:
        return f"No flag stands.{aside}"
    by_rule: dict[str, list[JudgedFlag]] = {}
    for flag in standing:
        by_rule.setdefault(flag.rule, []).append(flag)
    names = rule_titles()
    told = "; ".join(f"{names.get(rule, rule)} ({_statuses(by_rule[rule])})" for rule in sorted(by_rule))
    return f"{_many(len(standing), 'flag')} {'stands' if len(standing) == 1 else 'stand'}: {told}.{aside}"


def _tell_momentum(momentum: Momentum) -> str:
    if momentum.lmi is None:
        return "Too few drafts for an LMI."
    pasted = f", {momentum.pasted} grew by pasting" if momentum.pasted else ""
    return f"LMI {momentum.lmi:.0f}: {momentum.progressed} of {_many(momentum.pairs, 'draft')} went forward{pasted}."


def _recommend(flags: Sequence[JudgedFlag], integrity: float | None, *, needs_recap: bool) -> list[str]:
    undecided = sum(flag.status in _UNDECIDED and flag.severity is not Severity.NORMAL for flag in flags)
    found = []
    if undecided:
        found.append(f"Review {_many(undecided, 'flag')} that nobody has decided about.")
    if integrity is None:
        found.append("Rest nothing on what was not seen; if it matters, talk with the student.")
    if needs_recap:
        found.append("Go over the matter with the student again.")
    return found


def _indicate(momentum: Momentum) -> list[str]:
    if not momentum.pasted:
        return []
    return [f"{momentum.pasted} of {_many(momentum.pairs, 'step')} between drafts grew by pasting alone."]


def _statuses(flags: Sequence[JudgedFlag]) -> str:
    counted = Counter(flag.status for flag in flags)
    return ", ".join(f"{counted[status]} {status}" for status in FlagStatus if counted[status])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
