"""Coverage: the share of an attempt during which a client was connected (docs/scores.md has worked examples).

Pure. Low coverage is not the student's fault: it says how much a score can be trusted, and nothing else.
"""

from collections.abc import Iterable
from typing import Final

from protocol.analysis import Observed

ENOUGH: Final = 0.5
"""Below this coverage there is no integrity score."""

SHORT_MS: Final = 60_000
"""A running attempt is measured over at least this time, so that a short loss at its start does not hide its score."""


def measure_coverage(observed: Observed) -> float | None:
    """Measure the share of an attempt during which a client was connected, 0..1.

    After the end: the length of the union of all connections, limited to the attempt, divided by the attempt's length.
    While it runs: 1 - uncovered / max(elapsed, 60 s), measured from the first connection; so the time before the first
    connection counts only after the end. None before the first connection, and for an attempt of length zero.

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
    uncovered = elapsed - _covered(observed, first, first + elapsed)
    return 1 - uncovered / max(elapsed, SHORT_MS)


def is_enough(coverage: float | None) -> bool:
    """Return whether the coverage is high enough for an integrity score."""
    return coverage is not None and coverage >= ENOUGH


def _covered(observed: Observed, start: int, end: int) -> int:
    """Return the length of the union of the connections between two times."""
    covered, reached = 0, start
    for opened, closed in sorted(_intervals(observed.connected, observed.now_ms)):
        until = min(closed, end)
        covered += max(until - max(opened, reached), 0)
        reached = max(reached, until)
    return covered


def _intervals(connected: Iterable[tuple[int, int | None]], now_ms: int) -> Iterable[tuple[int, int]]:
    for opened, closed in connected:
        yield opened, now_ms if closed is None else closed
