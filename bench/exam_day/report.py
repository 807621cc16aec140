"""Report of an exam day, as a table. Measures nothing."""

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Latency
from bench.machine import Machine


class Spent(msgspec.Struct, frozen=True):
    """Wall time, and CPU seconds by process."""

    seconds: float
    cpu_s: dict[str, float]

    @property
    def cores(self) -> float:
        """Cores that all processes together used."""
        return sum(self.cpu_s.values()) / self.seconds

    def limit(self, cores: int) -> str:
        """Name what limits: the machine, the busiest process, or nothing."""
        name, most_s = max(self.cpu_s.items(), key=lambda each: each[1])
        if self.cores > 0.85 * cores:
            return "the machine"
        return name if most_s > 0.85 * self.seconds else "nothing: the load is paced"


class SignIn(msgspec.Struct, frozen=True):
    """All candidates from their code to a welcomed socket."""

    spent: Spent
    seats: int
    steps: dict[str, Latency]


class Hall(msgspec.Struct, frozen=True):
    """Everyone writes. `acks` from a frame's due time to its ack, `flags` from stored to the console."""

    spent: Spent
    events: int
    acks: Latency
    flags: Latency | None


class Bell(msgspec.Struct, frozen=True):
    """Everyone hands in. `others` are requests of a teacher's page meanwhile; times are from the first hand-in."""

    spent: Spent
    seats: int
    last_s: float
    refused: int
    took: Latency
    others: Latency
    analyzed_s: float


class ExamDay(msgspec.Struct, frozen=True, kw_only=True):
    """One exam, part by part."""

    machine: Machine
    sign_in: SignIn
    hall: Hall
    bell: Bell | None = None


def show(day: ExamDay, out: Console) -> None:
    """Print the figures of one exam."""
    table = Table("part", "figure", "value")
    cores = day.machine.cores
    sign_in, hall, bell = day.sign_in, day.hall, day.bell
    _add_spent(table, "sign-in", sign_in.spent, sign_in.seats, "sign-in", cores)
    for name, waits in sign_in.steps.items():
        table.add_row("sign-in", name, _times(waits))
    _add_spent(table, "hall", hall.spent, hall.events, "event", cores)
    table.add_row("hall", "events a second", f"{hall.events / hall.spent.seconds:,.0f}")
    table.add_row("hall", "send → ack", _times(hall.acks))
    if hall.flags is not None:
        table.add_row("hall", f"stored → console ({hall.flags.count} flags)", _times(hall.flags))
    if bell is not None:
        _add_spent(table, "bell", bell.spent, bell.seats, "hand-in", cores)
        table.add_row("bell", "last answered", f"{bell.last_s:.1f} s")
        table.add_row("bell", "refused", str(bell.refused))
        table.add_row("bell", "hand-in", _times(bell.took))
        table.add_row("bell", "other requests", _times(bell.others))
        table.add_row("bell", "all analyzed", f"{bell.analyzed_s:.1f} s")
    out.print(table)


def _add_spent(table: Table, part: str, spent: Spent, units: int, unit: str, cores: int) -> None:
    table.add_row(part, "wall", f"{spent.seconds:.1f} s, {spent.cores:.2f} cores; limit: {spent.limit(cores)}")
    each = ", ".join(f"{name} {1000 * cpu_s / units:.2f}" for name, cpu_s in spent.cpu_s.items())
    table.add_row(part, f"CPU ms a {unit}", each)


def _times(waits: Latency) -> str:
    return f"p50 {waits.p50_ms:.0f}, p99 {waits.p99_ms:.0f}, most {waits.most_ms:.0f} ms"
