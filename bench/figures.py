"""Statistics: medians with their spread, percentiles, and paired ratios. Pure; measures nothing."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """Median, minimum and maximum of several runs."""

    median: float
    least: float
    most: float


class Latency(msgspec.Struct, frozen=True):
    """Nearest-rank percentiles of `count` durations, in ms."""

    count: int
    p50_ms: float
    p99_ms: float
    most_ms: float


def spread(values: Sequence[float]) -> Spread:
    """Return median, minimum and maximum of at least one value."""
    return Spread(median(values), min(values), max(values))


def ratios(subject: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Return the ratio of subject to baseline, run by run.

    Each run is paired with the baseline of the same round, so that changes of the machine's speed affect both. Raises
    ValueError if the lengths differ.
    """
    return spread([value / base for value, base in zip(subject, baseline, strict=True)])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values; `share` is in (0, 1]."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(waits_ms: Iterable[float]) -> Latency:
    """Return the percentiles of at least one duration."""
    ordered = sorted(waits_ms)
    return Latency(len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])


def per_100k(seconds: float, events: int) -> float:
    """Return CPU seconds per 100,000 events."""
    return seconds * 100_000 / events
