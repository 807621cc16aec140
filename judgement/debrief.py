"""What students are told of an attempt that has ended, in plain words. No label, and nothing nobody has decided yet.

Numbers about flags count what is shown to them, and that a person is still looking, never at what.
"""

from collections.abc import Mapping
from typing import Final

from judgement.errors import NotCarried
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook
from protocol.flags import FlagSource

BY_HAND: Final = "A teacher of this exam noted this."
BY_PROGRAM: Final = "A program noted this, and a person has looked at it."
NO_LONGER: Final = "A rule of this exam noted this; its description is no longer kept."


def describe_record(
    *, confirmed: int, others: int, is_decided: bool, coverage: float | None, is_final: bool, is_released: bool
) -> str:
    """Sum up a record: of the flags that are shown `confirmed` stand and `others` do not, or are only noted.

    >>> describe_record(confirmed=0, others=0, is_decided=True, coverage=0.98, is_final=True, is_released=False)
    'About 98 % of your time was seen. Nothing is noted about it. Your results are not released yet.'
    >>> describe_record(confirmed=1, others=2, is_decided=False, coverage=None, is_final=False, is_released=True)
    'Of 3 things noted a person confirmed 1. Somebody is still looking at this attempt. Your grade is not final yet.'
    """
    noted = confirmed + others
    said = []
    if coverage is not None:
        said.append(f"About {coverage:.0%} of your time was seen.".replace("%", " %"))
    if noted:
        said.append(f"Of {noted} thing{'s' if noted > 1 else ''} noted a person confirmed {confirmed or 'none'}.")
    elif is_decided:
        said.append("Nothing is noted about it.")
    if not is_decided:
        said.append("Somebody is still looking at this attempt.")
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
