"""Texts for a student about an ended attempt, in plain words.

It never contains a label, and no details of a flag before a reviewer has decided about it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from judgement.errors import UnsupportedRulebook
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook
from judgement.text.for_teachers import rule_titles
from protocol.flags import UNDECIDED, FlagSource, FlagStatus, JudgedFlag, Severity

BY_HAND: Final = "A teacher of this exam added this flag."
BY_PROGRAM: Final = "A program reported this, and a reviewer has checked it."
NO_LONGER: Final = "A rule of this exam raised this flag. Its description is no longer available."


def describe_record(
    shown: Sequence[JudgedFlag], *, is_decided: bool, coverage: float | None, is_final: bool, is_released: bool
) -> str:
    """Summarize an attempt by the flags that its student may see. Before the decisions it only says that they follow.

    >>> describe_record([], is_decided=True, coverage=0.98, is_final=True, is_released=True)
    'Events of your exam page arrived 98 % of the time. There are no flags to review.'
    >>> describe_record([], is_decided=False, coverage=None, is_final=False, is_released=False)
    'Your attempt is still being reviewed. Your results are not released yet.'
    >>> flag = JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus.DISMISSED)
    >>> describe_record([flag], is_decided=True, coverage=None, is_final=True, is_released=True)
    '1 flag was raised: left the page. A reviewer checked it and dismissed it.'
    """
    is_visible = is_decided or is_released
    sentences = [_describe_shown(shown, coverage) if is_visible else "Your attempt is still being reviewed."]
    if not is_released:
        sentences.append("Your results are not released yet.")
    elif not is_final:
        sentences.append("Your grade is not final yet.")
    return " ".join(sentences)


def explain_flag(
    source: FlagSource, rule_id: str, rulebook_version: int, rulebooks: Mapping[int, Rulebook] = RULEBOOKS
) -> tuple[str, str]:
    """Return the name of a flag and its explanation: what its rule reports, and which honest behavior looks the same.

    >>> explain_flag(FlagSource.TEACHER, "note", 1)
    ('note', 'A teacher of this exam added this flag.')
    """
    if source is not FlagSource.RULE:
        return rule_id, BY_HAND if source is FlagSource.TEACHER else BY_PROGRAM
    try:
        rule = next(rule for rule in read_rulebook(rulebook_version, rulebooks) if rule.id == rule_id)
    except (UnsupportedRulebook, StopIteration):
        return rule_id, NO_LONGER
    alike = f" Possible other reasons: {rule.false_alarms}" if rule.false_alarms else ""
    return rule.title, f"{rule.summary}{alike}".strip() or rule.title


def _describe_shown(flags: Sequence[JudgedFlag], coverage: float | None) -> str:
    """Say which flags were raised and what reviewers decided: no score, no label, and no word of guilt."""
    observed = "" if coverage is None else f"Events of your exam page arrived {100 * coverage:.0f} % of the time. "
    raised = [flag for flag in flags if flag.severity is not Severity.NORMAL and flag.source is not FlagSource.LLM]
    if not raised:
        return f"{observed}There are no flags to review."
    number = "1 flag was" if len(raised) == 1 else f"{len(raised)} flags were"
    return f"{observed}{number} raised: {_list_rules(raised)}. {_describe_decisions(raised)}"


def _describe_decisions(raised: Sequence[JudgedFlag]) -> str:
    if any(flag.status in UNDECIDED for flag in raised):
        return "A flag decides nothing by itself: a reviewer will check it, and there may be honest reasons."
    confirmed = sum(flag.status is FlagStatus.CONFIRMED for flag in raised)
    if len(raised) == 1:
        return f"A reviewer checked it and {'confirmed' if confirmed else 'dismissed'} it."
    if confirmed == 0:
        return "A reviewer checked them and dismissed them all."
    return f"A reviewer checked them and confirmed {confirmed} of {len(raised)}."


def _list_rules(flags: Sequence[JudgedFlag]) -> str:
    titles = rule_titles()
    return ", ".join(sorted({titles.get(flag.rule, "something for a reviewer to check") for flag in flags}))
