"""What numbers come to: medians with their spread, percentiles, ratios pair by pair. Pure; nothing is measured here."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The median of several runs, and the least and the most of them."""

    median: float
    least: float
    most: float


class Latency(msgspec.Struct, frozen=True):
    """Nearest-rank percentiles of `count` waits, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    most_ms: float


def spread(values: Sequence[float]) -> Spread:
    """Median, minimum and maximum of at least one value."""
    return Spread(median(values), min(values), max(values))


def ratios(subject: Sequence[float], baseline: Sequence[float]) -> Spread:
    """How many times the baseline the subject reached, run by run.

    Each run is paired with the baseline of its own round, so that a machine that changes its speed from round to round
    moves both. Raises ValueError when a run has no partner.
    """
    return spread([one / other for one, other in zip(subject, baseline, strict=True)])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values; `share` in (0, 1]."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(waits_ms: Iterable[float]) -> Latency:
    """The percentiles of at least one wait."""
    ordered = sorted(waits_ms)
    return Latency(len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])


def per_100k(seconds: float, events: int) -> float:
    """CPU seconds per 100,000 events."""
    return seconds * 100_000 / events
