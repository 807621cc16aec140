"""Coverage: the share of an attempt that was observed (docs/scores.md has worked examples).

Pure. Low coverage is not the student's fault: it says how much a score can be trusted, and nothing else.
"""

from collections.abc import Iterable
from typing import Final

from judgement.observation.clock import FLOW_MS
from protocol.analysis import Observed

ENOUGH: Final = 0.5
"""Below this coverage there is no integrity score."""

SHORT_MS: Final = 60_000
"""A running attempt is measured over at least this time, so that a short loss at its start does not hide its score."""


def measure_coverage(observed: Observed) -> float | None:
    """Measure the share of an attempt that was observed, 0..1.

    Observed are the spans in which events arrived, each at most 15 s after the one before, without the spans in which
    events are missing or a clock was wrong. The first span begins at the start if it is at most 15 s later, and the
    last one reaches to the end, or to now, in the same way.

    After the end: observed time / the attempt's length. While it runs: 1 - unobserved / max(elapsed, 60 s). None for an
    attempt of length zero, and while an attempt of less than 60 s has no event yet.

    >>> seen = ((5_000, 20_000), (50_000, 95_000))
    >>> measure_coverage(Observed(started_ms=0, ended_ms=100_000, now_ms=500_000, seen=seen))
    0.7
    >>> measure_coverage(Observed(started_ms=0, ended_ms=None, now_ms=40_000, seen=((5_000, 20_000),)))
    0.6666666666666667

    Attempts that were begun before events were measured have the connections instead: `seen` is None.

    >>> connected = ((0, 20_000), (50_000, None))
    >>> measure_coverage(Observed(started_ms=0, ended_ms=100_000, now_ms=500_000, connected=connected))
    0.7
    """
    if observed.seen is None:
        return _measure_connections(observed)
    start, end = observed.started_ms, observed.ended_ms
    until = max(observed.now_ms, start) if end is None else end
    length = until - start
    if end is None and not observed.seen and length < SHORT_MS:
        return None
    covered = _covered(_reach(observed.seen, start, until), start, until)
    covered -= _covered(_common(_reach(observed.seen, start, until), observed.unobserved), start, until)
    if end is None:
        return 1 - (length - covered) / max(length, SHORT_MS)
    return covered / length if length > 0 else None


def is_enough(coverage: float | None) -> bool:
    """Return whether the coverage is high enough for an integrity score."""
    return coverage is not None and coverage >= ENOUGH


def _reach(seen: Iterable[tuple[int, int]], start: int, until: int) -> list[tuple[int, int]]:
    """Let the spans next to the start and to the end reach them."""
    return [
        (
            start if start < begun <= start + FLOW_MS else begun,
            until if until - FLOW_MS <= last < until else last,
        )
        for begun, last in seen
    ]


def _common(seen: Iterable[tuple[int, int]], unobserved: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Return what these spans have in common."""
    spans = list(seen)
    for gone, back in unobserved:
        for begun, last in spans:
            if max(gone, begun) < min(back, last):
                yield max(gone, begun), min(back, last)


def _measure_connections(observed: Observed) -> float | None:
    """Measure the share of time with an open connection, while it runs from the first connection on."""
    connected = [(opened, observed.now_ms if closed is None else closed) for opened, closed in observed.connected]
    if observed.ended_ms is not None:
        length = observed.ended_ms - observed.started_ms
        return _covered(connected, observed.started_ms, observed.ended_ms) / length if length > 0 else None
    if not connected:
        return None
    first = min(opened for opened, _ in connected)
    elapsed = max(observed.now_ms - first, 0)
    uncovered = elapsed - _covered(connected, first, first + elapsed)
    return 1 - uncovered / max(elapsed, SHORT_MS)


def _covered(spans: Iterable[tuple[int, int]], start: int, end: int) -> int:
    """Return the length of the union of spans between two times."""
    covered, reached = 0, start
    for begun, last in sorted(spans):
        until = min(last, end)
        covered += max(until - max(begun, reached), 0)
        reached = max(reached, until)
    return covered
