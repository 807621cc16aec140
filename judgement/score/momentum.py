"""Momentum: the Learning Momentum Index, from the drafts of an attempt (docs/scores.md has a worked example).

Pure. It tells whether texts went forward by the candidate's own hand; how good they are is not looked at.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

import msgspec

from protocol.analysis import Draft, PastedText, Trend

PROGRESS_CHARS: Final = 10
"""So many characters of one's own between two drafts are progress."""

TREND: Final = 5.0
TREND_PAIRS: Final = 4
"""With fewer pairs no trend is concluded."""

WORK_MAX: Final = 2**33
"""How many pairs of characters of one attempt are compared at most, about a second; after that they are counted."""


class Momentum(msgspec.Struct, frozen=True):
    """How the texts of an attempt went forward: of `pairs` successive drafts `progressed` did, `pasted` by pasting."""

    lmi: float | None = None
    trend: Trend | None = None
    pairs: int = 0
    progressed: int = 0
    pasted: int = 0


class _Step(msgspec.Struct, frozen=True):
    """From one draft to the next: when it was reached, how much of it is new, and how much of that was pasted."""

    at_ms: int
    is_progress: bool
    is_pasted: bool


def compute_momentum(drafts: Sequence[Draft], pastings: Sequence[PastedText] = ()) -> Momentum:
    """Conclude the LMI, 0..100: 100 x the share of successive drafts of an item that are progress on the one before.

    What is new in a draft is its length less the longest common subsequence with the one before: an edit distance in
    which deleting costs nothing (Wagner and Fischer, The String-to-String Correction Problem, JACM 21(1), 1974). Less
    what was pasted in between, it is progress from ten characters on, as growth or as revision. A draft that repeats
    the one before is none. With fewer than two drafts there is no LMI.

    >>> begun, typed = "Force is mass and speed.", "Force is mass and speed. It is measured in newtons."
    >>> revised = "Force is mass times acceleration. It is measured in newtons."
    >>> texts = [begun, typed, revised, revised + "x" * 300]
    >>> drafts = [Draft("q1", text, at_ms) for at_ms, text in enumerate(texts)]
    >>> compute_momentum(drafts, [PastedText("q1", 300, 3)]).lmi  # typed, revised, pasted
    66.66666666666667
    """
    steps = sorted(_steps(drafts, pastings), key=attrgetter("at_ms"))
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
    """Count the characters of a text that it does not have from the one before, in their order.

    >>> count_new("mass and speed", "mass times acceleration")
    15
    """
    start = _common(before, after)
    before, after = before[start:], after[start:]
    end = _common(before[::-1], after[::-1])
    return _count_new(before[: len(before) - end], after[: len(after) - end])


def _steps(drafts: Sequence[Draft], pastings: Sequence[PastedText]) -> Iterable[_Step]:
    by_item: dict[str, list[Draft]] = {}
    for draft in sorted(drafts, key=attrgetter("at_ms")):
        of_item = by_item.setdefault(draft.item, [])
        if not of_item or of_item[-1].text != draft.text:
            of_item.append(draft)
    work = 0
    for item, of_item in sorted(by_item.items()):
        own = [pasting for pasting in pastings if pasting.item in (item, None)]
        for before, after in pairwise(of_item):
            pasted = sum(max(one.chars, 0) for one in own if before.at_ms < one.at_ms <= after.at_ms)
            work += len(before.text) * len(after.text)
            is_progress = _is_new(before.text, after.text, PROGRESS_CHARS + pasted, is_counted=work > WORK_MAX)
            yield _Step(after.at_ms, is_progress, is_pasted=not is_progress and pasted >= PROGRESS_CHARS)


def _is_new(before: str, after: str, needed: int, *, is_counted: bool) -> bool:
    """Whether so many characters are new. The order of characters is only looked at where their numbers do not tell."""
    if len(after) < needed:
        return False
    if len(after) - len(before) >= needed or (Counter(after) - Counter(before)).total() >= needed:
        return True
    return not is_counted and count_new(before, after) >= needed


def _share(steps: Sequence[_Step]) -> float:
    return 100 * sum(step.is_progress for step in steps) / len(steps)


def _trend(steps: Sequence[_Step]) -> Trend | None:
    """Compare the later half of an attempt with the earlier one; a step in the middle belongs to neither."""
    half = len(steps) // 2
    if len(steps) < TREND_PAIRS:
        return None
    change = _share(steps[-half:]) - _share(steps[:half])
    if abs(change) <= TREND:
        return Trend.STEADY
    return Trend.UP if change > 0 else Trend.DOWN


def _common(one: str, other: str) -> int:
    """The length of the common beginning, by halving: comparing slices is quick, comparing characters is not."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _count_new(before: str, after: str) -> int:
    """Length less longest common subsequence, a column of the table at a time in the bits of one number.

    Hyyrö, Bit-parallel LCS-length computation revisited, AWOCA 2004: 32 KiB against 32 KiB take some 50 ms.
    """
    places: dict[str, int] = {}
    for n, char in enumerate(before):
        places[char] = places.get(char, 0) | 1 << n
    column = whole = (1 << len(before)) - 1
    for char in after:
        met = column & places.get(char, 0)
        column = ((column + met) | (column - met)) & whole
    return len(after) - (len(before) - column.bit_count())
