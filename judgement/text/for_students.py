"""What students are told of an attempt that has ended, in plain words. No label, and nothing nobody has decided yet.

Before a person has decided they are told that somebody is looking, never at what.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from judgement.errors import UnsupportedRulebook
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook
from judgement.text.for_teachers import rule_titles
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity

BY_HAND: Final = "A teacher of this exam noted this."
BY_PROGRAM: Final = "A program noted this, and a person has looked at it."
NO_LONGER: Final = "A rule of this exam noted this; its description is no longer kept."


def describe_record(
    shown: Sequence[JudgedFlag], *, is_decided: bool, coverage: float | None, is_final: bool, is_released: bool
) -> str:
    """Sum up a record by the flags that are shown of it; while others wait for a person, that is all there is to say.

    >>> describe_record([], is_decided=True, coverage=0.98, is_final=True, is_released=True)
    'You were connected 98 % of the time. Nothing was noticed that a person needs to look at.'
    >>> describe_record([], is_decided=False, coverage=None, is_final=False, is_released=False)
    'A person is still looking at this attempt. Your results are not released yet.'
    >>> flag = JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus.DISMISSED)
    >>> describe_record([flag], is_decided=True, coverage=None, is_final=True, is_released=True)
    '1 thing was noticed: left the page. A person looked and set it aside.'
    """
    is_told = is_decided or is_released
    said = [_describe_shown(shown, coverage) if is_told else "A person is still looking at this attempt."]
    if not is_released:
        said.append("Your results are not released yet.")
    elif not is_final:
        said.append("Your grade is not final yet.")
    return " ".join(said)


def explain_flag(
    source: FlagSource, rule_id: str, rulebook_version: int, rulebooks: Mapping[int, Rulebook] = RULEBOOKS
) -> tuple[str, str]:
    """Name a flag and explain it: what its rule reports, and what looks the same and is no fault of anybody's.

    >>> explain_flag(FlagSource.TEACHER, "note", 1)
    ('note', 'A teacher of this exam noted this.')
    """
    if source is not FlagSource.RULE:
        return rule_id, BY_HAND if source is FlagSource.TEACHER else BY_PROGRAM
    try:
        rule = next(one for one in read_rulebook(rulebook_version, rulebooks) if one.id == rule_id)
    except (UnsupportedRulebook, StopIteration):
        return rule_id, NO_LONGER
    alike = f" What looks the same: {rule.false_alarms}" if rule.false_alarms else ""
    return rule.title, f"{rule.summary}{alike}".strip() or rule.title


def _describe_shown(flags: Sequence[JudgedFlag], coverage: float | None) -> str:
    """Tell what was noticed and what became of it: no score, no label, and no word of guilt."""
    connected = "" if coverage is None else f"You were connected {100 * coverage:.0f} % of the time. "
    noticed = [flag for flag in flags if flag.severity is not Severity.NORMAL and flag.source is not FlagSource.LLM]
    if not noticed:
        return f"{connected}Nothing was noticed that a person needs to look at."
    things = "1 thing was" if len(noticed) == 1 else f"{len(noticed)} things were"
    return f"{connected}{things} noticed: {_list_rules(noticed)}. {_tell_outcome(noticed)}"


def _tell_outcome(noticed: Sequence[JudgedFlag]) -> str:
    confirmed = sum(flag.status is FlagStatus.CONFIRMED for flag in noticed)
    if any(flag.status in (FlagStatus.OPEN, FlagStatus.ESCALATED) for flag in noticed):
        return "It decides nothing by itself: a person will look at it, and there can be honest reasons."
    if confirmed == 0:
        return f"A person looked and set {'it' if len(noticed) == 1 else 'all of it'} aside."
    return (
        f"A person looked and confirmed {confirmed} of it." if len(noticed) > 1 else "A person looked and confirmed it."
    )


def _list_rules(flags: Sequence[JudgedFlag]) -> str:
    names = rule_titles()
    return ", ".join(sorted({names.get(flag.rule, "something a person should look at") for flag in flags}))
