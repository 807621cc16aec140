"""The rulebooks: which version of which rule, in the order their findings are given.

A rule that no rulebook lists does not exist. A rulebook that was ever used is never changed, only followed by another
one; it is taken out when no attempt that is pinned to it is kept any longer.
"""

from collections.abc import Mapping
from typing import Any, Final

from judgement.errors import NotCarried
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
    """Give the rules of one version. Raises NotCarried."""
    if version not in rulebooks:
        raise NotCarried(version)
    return rulebooks[version]
