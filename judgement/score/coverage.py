"""Coverage: the share of an attempt during which a client was connected (docs/scores.md has worked examples).

Pure. Not being seen is nobody's guilt: coverage says how much a score can rest on, and concludes nothing else.
"""

from collections.abc import Iterable
from typing import Final

from protocol.analysis import Observed

ENOUGH: Final = 0.5
"""Below this no integrity is concluded: not enough was seen."""

SHORT_MS: Final = 60_000
"""A running attempt is measured over at least so long, so that a blip at its beginning does not hide its score."""


def measure_coverage(observed: Observed) -> float | None:
    """Measure the observed share of an attempt, 0..1.

    Of an attempt that has ended: the length of the union of its connections, clipped to start and end, over the time
    between the two. While it runs: 1 - unseen / max(elapsed, 60 s), from its first connection until now; so the way to
    the first connection counts only once the attempt is over. None before the first connection, and for an attempt of
    no length.

    >>> half_gone = ((0, 20_000), (50_000, None))
    >>> measure_coverage(Observed(started_ms=0, ended_ms=100_000, now_ms=500_000, connected=half_gone))
    0.7
    >>> measure_coverage(Observed(started_ms=0, ended_ms=None, now_ms=40_000, connected=((0, 20_000),)))
    0.6666666666666667
    """
    if observed.ended_ms is not None:
        length = observed.ended_ms - observed.started_ms
        return _covered(observed, observed.started_ms, observed.ended_ms) / length if length > 0 else None
    if not observed.connected:
        return None
    first = min(opened for opened, _ in observed.connected)
    elapsed = max(observed.now_ms - first, 0)
    unseen = elapsed - _covered(observed, first, first + elapsed)
    return 1 - unseen / max(elapsed, SHORT_MS)


def is_enough(coverage: float | None) -> bool:
    """Whether enough was seen to conclude an integrity."""
    return coverage is not None and coverage >= ENOUGH


def _covered(observed: Observed, start: int, end: int) -> int:
    """The length of the union of the connections within a stretch of time."""
    covered, reached = 0, start
    for opened, closed in sorted(_ended(observed.connected, observed.now_ms)):
        until = min(closed, end)
        covered += max(until - max(opened, reached), 0)
        reached = max(reached, until)
    return covered


def _ended(connected: Iterable[tuple[int, int | None]], now_ms: int) -> Iterable[tuple[int, int]]:
    for opened, closed in connected:
        yield opened, now_ms if closed is None else closed
