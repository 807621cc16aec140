"""Report of a simulated exam: counts, latencies, and flags that are missing or unexpected. Pure."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from veritas.simulation.scripts import Script


class Percentiles(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds; null if nothing was measured."""

    p50: float | None
    p99: float | None


class FlagMismatch(msgspec.Struct, frozen=True):
    """A flag that is missing, or that should not have been raised."""

    student: str
    script: str
    rule: str


class ExpectedFlags(msgspec.Struct, frozen=True):
    """Flags expected of one simulated student; `is_played` says if the script ran to its end."""

    attempt_id: UUID
    name: str
    script: Script
    is_played: bool = True


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """Report that `simulate` and `demo` write as JSON. `stored` and `flags_raised` are null without database access.

    `sent`: distinct (stream, seq) that the clients assigned. `stored`: events, tombstones and lost spans in the exam's
    client streams. `lost`: events dropped by full queues. `flag_ms`: time from when a flag's last cited event was
    stored until the console received the flag.
    """

    students: int
    sent: int
    acked: int
    stored: int | None
    rejected: int
    flags_raised: int | None
    flags_seen: int
    ack_ms: Percentiles
    flag_ms: Percentiles
    expected_flags_missing: list[FlagMismatch]
    unexpected_flags: list[FlagMismatch]
    lost: int = 0
    flags_by_rule: dict[str, int]
    scripts: dict[str, int]
    failures: list[str]
    connections: int
    seconds: float
    events_per_second: float
    exam_id: UUID

    def faults(self) -> list[str]:
        """Describe every fault; an empty list means that the run was correct."""
        found: list[str] = []
        if self.acked != self.sent:
            found.append(f"{self.sent} events were sent, {self.acked} acknowledged")
        if self.stored is not None and self.stored != self.sent:
            found.append(f"{self.sent} events were sent, {self.stored} are stored")
        if self.flags_raised is not None and self.flags_raised != self.flags_seen:
            found.append(f"{self.flags_raised} flags were raised, {self.flags_seen} seen on the console")
        if self.lost:
            found.append(f"{self.lost} events were dropped by full queues")
        found += self.failures
        found += [
            f"{flag.student} ({flag.script}) should have raised {flag.rule}" for flag in self.expected_flags_missing
        ]
        found += [
            f"{flag.student} ({flag.script}) should not have raised {flag.rule}" for flag in self.unexpected_flags
        ]
        return found


def percentiles(values: Iterable[float]) -> Percentiles:
    """Return the nearest-rank median and 99th percentile, rounded to 0.01 ms."""
    ordered = array("d", sorted(values))
    if not ordered:
        return Percentiles(None, None)

    def rank(percent: int) -> float:
        return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 2)

    return Percentiles(rank(50), rank(99))


def compare_flags(
    expectations: Sequence[ExpectedFlags], rules_seen: Mapping[UUID, Iterable[str]]
) -> tuple[list[FlagMismatch], list[FlagMismatch]]:
    """Compare the expected rules with the rules seen per attempt. Returns (missing, unexpected).

    A script that was interrupted has no missing flags.
    """
    missing: list[FlagMismatch] = []
    unexpected: list[FlagMismatch] = []
    for expected in expectations:
        seen = set(rules_seen.get(expected.attempt_id, ()))
        promised = expected.script.must_raise
        for rules, found in ((promised - seen, missing), (seen - promised, unexpected)):
            if found is unexpected or expected.is_played:
                found += [FlagMismatch(expected.name, expected.script.name, rule) for rule in sorted(rules)]
    return missing, unexpected
