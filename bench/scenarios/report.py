"""Reports of the scenarios, as lines and as JSON. Measures nothing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Latency
from bench.machine import Machine, describe
from bench.scenarios.stack import Spent, cores


class ScenarioFile(msgspec.Struct, frozen=True):
    """The JSON file of one scenario."""

    scenario: str
    taken_at: datetime
    machine: Machine
    figures: Any


def show(title: str, spent: Spent, units: int, unit: str, lines: dict[str, str], out: Console) -> None:
    """Print wall time, CPU by process and unit, what limits, and the lines of the scenario."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    for name, text in lines.items():
        table.add_row(name, text)
    table.add_row("wall", f"{spent.seconds:.1f} s")
    processes = ", ".join(f"{name} {cpu_s / spent.seconds:.2f}" for name, cpu_s in _by_cost(spent))
    table.add_row("cores", f"{spent.cores:.2f}: {processes}")
    each = ", ".join(f"{name} {cpu_s * 1000 / units:.3f}" for name, cpu_s in _by_cost(spent))
    table.add_row(f"CPU ms per {unit}", f"{sum(spent.cpu_s.values()) * 1000 / units:.3f}: {each}")
    table.add_row("limit", spent.limit(cores()))
    out.print(table)


def write(path: Path | None, scenario: str, figures: msgspec.Struct) -> None:
    """Write the JSON file, if one was asked for."""
    if path is not None:
        content = ScenarioFile(scenario, datetime.now(UTC), describe(), figures)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(content)))


def times(waits: Latency) -> str:
    """Spell a latency."""
    return f"p50 {waits.p50_ms:.0f}, p99 {waits.p99_ms:.0f}, most {waits.most_ms:.0f} ms ({waits.count:,})"


def _by_cost(spent: Spent) -> list[tuple[str, float]]:
    return sorted(spent.cpu_s.items(), key=lambda each: -each[1])
