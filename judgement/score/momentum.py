"""Compute the Learning Momentum Index (LMI) from the drafts of an attempt (docs/scores.md has a worked example).

Pure. It measures whether texts progressed without pasting. It never rates the quality of a text.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

import msgspec
from rapidfuzz.distance import LCSseq

from protocol.analysis import Draft, PastedText, Trend

PROGRESS_CHARS: Final = 10
"""At least this many own characters between two drafts are progress."""

TREND: Final = 5.0
TREND_PAIRS: Final = 4
"""With fewer pairs there is no trend."""

WORK_MAX: Final = 2**33
"""At most this many pairs of characters are compared in one attempt. After that only characters are counted."""


class Momentum(msgspec.Struct, frozen=True):
    """The LMI and its trend. Of `pairs` successive drafts, `progressed` made progress and `pasted` grew by pasting."""

    lmi: float | None = None
    trend: Trend | None = None
    pairs: int = 0
    progressed: int = 0
    pasted: int = 0


class _Step(msgspec.Struct, frozen=True):
    """The step from one draft to the next: when, and whether it is progress or pasted."""

    at_ms: int
    is_progress: bool
    is_pasted: bool


def compute_momentum(
    drafts: Sequence[Draft], pastes: Sequence[PastedText] = (), *, work_max: int = WORK_MAX
) -> Momentum:
    """Compute the LMI, 0..100: 100 x the share of successive drafts of an item that are progress on the one before.

    The new characters of a draft are its length minus the longest common subsequence with the draft before: an edit
    distance in which deleting costs nothing. If at least ten of them were not pasted, the draft is progress. A draft
    equal to the one before is not counted. With fewer than two drafts there is no LMI.

    >>> begun, typed = "Force is mass and speed.", "Force is mass and speed. It is measured in newtons."
    >>> revised = "Force is mass times acceleration. It is measured in newtons."
    >>> texts = [begun, typed, revised, revised + "x" * 300]
    >>> drafts = [Draft("q1", text, at_ms) for at_ms, text in enumerate(texts)]
    >>> compute_momentum(drafts, [PastedText("q1", 300, 3)]).lmi  # typed, revised, pasted
    66.66666666666667
    """
    steps = sorted(_steps(drafts, pastes, work_max), key=attrgetter("at_ms"))
    if not steps:
        return Momentum()
    return Momentum(
        lmi=_share(steps),
        trend=_trend(steps),
        pairs=len(steps),
        progressed=sum(step.is_progress for step in steps),
        pasted=sum(step.is_pasted for step in steps),
    )


def count_new(before: str, after: str) -> int:
    """Count the characters of a text that are not in the longest common subsequence with the text before.

    >>> count_new("mass and speed", "mass times acceleration")
    15
    """
    return len(after) - LCSseq.similarity(before, after)


def _steps(drafts: Sequence[Draft], pastes: Sequence[PastedText], work_max: int) -> Iterable[_Step]:
    by_item: dict[str, list[Draft]] = {}
    for draft in sorted(drafts, key=attrgetter("at_ms")):
        of_item = by_item.setdefault(draft.item, [])
        if not of_item or of_item[-1].text != draft.text:
            of_item.append(draft)
    work = 0
    for item, of_item in sorted(by_item.items()):
        of_this_item = [paste for paste in pastes if paste.item in (item, None)]
        for before, after in pairwise(of_item):
            pasted = sum(max(paste.chars, 0) for paste in of_this_item if before.at_ms < paste.at_ms <= after.at_ms)
            work += len(before.text) * len(after.text)
            is_progress = _is_new(before.text, after.text, PROGRESS_CHARS + pasted, is_counted=work > work_max)
            yield _Step(after.at_ms, is_progress, is_pasted=not is_progress and pasted >= PROGRESS_CHARS)


def _is_new(before: str, after: str, needed: int, *, is_counted: bool) -> bool:
    """Return whether so many characters are new. The order of characters is compared only if counting is not enough."""
    if len(after) < needed:
        return False
    if len(after) - len(before) >= needed or (Counter(after) - Counter(before)).total() >= needed:
        return True
    return not is_counted and count_new(before, after) >= needed


def _share(steps: Sequence[_Step]) -> float:
    return 100 * sum(step.is_progress for step in steps) / len(steps)


def _trend(steps: Sequence[_Step]) -> Trend | None:
    """Compare the later half of the steps with the earlier half. A step in the middle belongs to neither."""
    half = len(steps) // 2
    if len(steps) < TREND_PAIRS:
        return None
    change = _share(steps[-half:]) - _share(steps[:half])
    if abs(change) <= TREND:
        return Trend.STEADY
    return Trend.UP if change > 0 else Trend.DOWN
