"""The rulebooks: which version of which rule, in the order their findings are given.

A rule that no rulebook lists does not exist. A rulebook that was ever used is never changed, only followed by another
one; it is taken out when no attempt that is pinned to it is kept any longer.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from judgement.errors import UnsupportedRulebook
from judgement.rule import Rule
from judgement.rules import gaze_away, left_fullscreen, left_page, left_then_pasted

Rulebook = tuple[Rule[Any, Any], ...]

RULEBOOKS: Final[Mapping[int, Rulebook]] = {
    1: (
        left_page.VERSIONS[1],
        left_fullscreen.VERSIONS[1],
        left_then_pasted.VERSIONS[1],
        gaze_away.VERSIONS[1],
    ),
}
"""Every rulebook this version carries."""

RULEBOOK_VERSION: Final = max(RULEBOOKS)
"""The rulebook new policies are for, and so the attempts that are judged by them."""

RULES: Final = RULEBOOKS[RULEBOOK_VERSION]
"""The rules of the newest rulebook."""


def read_rulebook(version: int, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> Rulebook:
    """Give the rules of one version. Raises UnsupportedRulebook."""
    if version not in rulebooks:
        raise UnsupportedRulebook(version)
    return rulebooks[version]


class RuleText(msgspec.Struct, frozen=True):
    """A rule in plain words: what it is called, what it reports, and what honest people do that looks the same."""

    name: str
    summary: str
    false_alarms: str


def describe(rule_id: str, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> RuleText:
    """Describe a rule as the newest rulebook that lists it has it; one that none lists is called by its id."""
    for version in sorted(rulebooks, reverse=True):
        for rule in rulebooks[version]:
            if rule.id == rule_id:
                return RuleText(rule.title, rule.summary, rule.false_alarms)
    return RuleText(rule_id.replace("_", " "), "", "")
