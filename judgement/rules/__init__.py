"""Rulebook 1: the rules, in the order their findings are given. A rule that is not listed does not exist."""

from typing import Any, Final

from judgement.rule import Rule
from judgement.rules import gaze_away, left_fullscreen, left_page, left_then_pasted

RULES: Final[tuple[Rule[Any, Any], ...]] = (
    left_page.VERSIONS[1],
    left_fullscreen.VERSIONS[1],
    left_then_pasted.VERSIONS[1],
    gaze_away.VERSIONS[1],
)
