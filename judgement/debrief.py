"""What students are told of an attempt that has ended, in plain words. No label, and nothing nobody has decided yet.

Before a person has decided they are told that somebody is looking, never at what.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from judgement.errors import NotCarried
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook
from judgement.summary import tell_student
from protocol.flags import FlagSource, JudgedFlag

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
    """
    is_told = is_decided or is_released
    said = [tell_student(shown, coverage=coverage) if is_told else "A person is still looking at this attempt."]
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
    except (NotCarried, StopIteration):
        return rule_id, NO_LONGER
    alike = f" What looks the same: {rule.false_alarms}" if rule.false_alarms else ""
    return rule.title, f"{rule.summary}{alike}".strip() or rule.title
