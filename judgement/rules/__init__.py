"""The rulebooks: versions of rules, in the order in which their findings are returned (docs/rules.md).

A rule that is in no rulebook is never run. A rulebook that has been used is never changed: a new one is added. It is
removed when no stored attempt is pinned to it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from judgement.errors import UnsupportedRulebook
from judgement.rule import Rule
from judgement.rules import (
    client_clock,
    client_silent,
    events_missing,
    gaze_away,
    left_fullscreen,
    left_page,
    left_then_pasted,
    never_connected,
    two_places,
)

Rulebook = tuple[Rule[Any, Any], ...]

_CONDUCT: Final = (
    left_page.VERSIONS[1],
    left_fullscreen.VERSIONS[1],
    left_then_pasted.VERSIONS[1],
    gaze_away.VERSIONS[1],
)
_RECORD: Final = (
    client_clock.VERSIONS[1],
    client_silent.VERSIONS[1],
    events_missing.VERSIONS[1],
    two_places.VERSIONS[1],
    never_connected.VERSIONS[1],
)
"""Notes about what the record does not show, or shows twice. They weigh nothing."""

RULEBOOKS: Final[Mapping[int, Rulebook]] = {1: _CONDUCT, 2: (*_CONDUCT, *_RECORD)}
"""All rulebooks that this version supports."""

RULEBOOK_VERSION: Final = max(RULEBOOKS)
"""The rulebook of new policies, and so of the attempts that use them."""

RULES: Final = RULEBOOKS[RULEBOOK_VERSION]
"""The rules of the newest rulebook."""

HEARD: Final = frozenset(
    event_type for rulebook in RULEBOOKS.values() for rule in rulebook for event_type in rule.event_types
)
"""The event types that a rule of any rulebook gets. Another event matters only to a rule that waits for any event."""


def read_rulebook(version: int, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> Rulebook:
    """Return the rules of one version. Raises UnsupportedRulebook."""
    if version not in rulebooks:
        raise UnsupportedRulebook(version)
    return rulebooks[version]


class RuleText(msgspec.Struct, frozen=True):
    """A rule in plain words: its name, what it reports, and which honest behavior looks the same."""

    name: str
    summary: str
    false_alarms: str


def describe(rule_id: str, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> RuleText:
    """Describe a rule as in the newest rulebook that has it. Without one, its name is its id."""
    for version in sorted(rulebooks, reverse=True):
        for rule in rulebooks[version]:
            if rule.id == rule_id:
                return RuleText(rule.title, rule.summary, rule.false_alarms)
    return RuleText(rule_id.replace("_", " "), "", "")
