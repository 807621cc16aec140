"""What a simulated class comes to: counts, latencies, and which flags are missing or unexpected. Pure."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from veritas.simulation.scripts import Script


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds; null when nothing was measured."""

    p50: float | None
    p99: float | None


class Surprise(msgspec.Struct, frozen=True):
    """A flag that should be there and is not, or is there and should not be."""

    student: str
    script: str
    rule: str


class Seat(msgspec.Struct, frozen=True):
    """One simulated student: the attempt, what it plays, and whether that has been played to its end."""

    attempt_id: UUID
    name: str
    script: Script
    is_played: bool = True


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `simulate` and `demo` write as JSON. What only the database knows is null without access to it.

    `sent` counts distinct (stream, number) given out by the clients; `stored` events, tombstones and lost spans of the
    exam's client streams; `lost` events that full queues dropped; `flag_ms` runs from the storing of a flag's last
    cited fact to the console.
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
    expected_flags_missing: list[Surprise]
    unexpected_flags: list[Surprise]
    lost: int = 0
    flags_by_rule: dict[str, int]
    scripts: dict[str, int]
    failures: list[str]
    connections: int
    seconds: float
    events_per_second: float
    exam_id: UUID

    def faults(self) -> list[str]:
        """What is not as it must be, in words; nothing when the run is clean."""
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
        found += [f"{one.student} ({one.script}) should have raised {one.rule}" for one in self.expected_flags_missing]
        found += [f"{one.student} ({one.script}) should not have raised {one.rule}" for one in self.unexpected_flags]
        return found


def percentiles(values: Iterable[float]) -> Percentiles:
    """The nearest-rank median and 99th percentile, to a hundredth of a millisecond."""
    ordered = array("d", sorted(values))
    if not ordered:
        return Percentiles(None, None)

    def rank(percent: int) -> float:
        return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 2)

    return Percentiles(rank(50), rank(99))


def compare_flags(
    seats: Sequence[Seat], rules_seen: Mapping[UUID, Iterable[str]]
) -> tuple[list[Surprise], list[Surprise]]:
    """The flags that are missing and those that are unexpected, given the rules seen per attempt.

    Nothing is missing of a script that was broken off.
    """
    missing: list[Surprise] = []
    unexpected: list[Surprise] = []
    for seat in seats:
        seen = set(rules_seen.get(seat.attempt_id, ()))
        promised = seat.script.must_raise
        for rules, found in ((promised - seen, missing), (seen - promised, unexpected)):
            if found is unexpected or seat.is_played:
                found += [Surprise(seat.name, seat.script.name, rule) for rule in sorted(rules)]
    return missing, unexpected
