"""Report of `ingest`, as JSON and as a table. Measures nothing."""

from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Latency, Spread, ratios, spread
from bench.machine import CALM, Machine
from bench.sampler import by_component


class TimedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One timed run. `cpu_s`: CPU seconds per 100,000 events, by process. `others`: cores used by other programs."""

    events: int
    seconds: float
    per_second: float
    cpu_s: dict[str, float]
    others: float
    waits: Latency | None = None


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Load of a run: sockets, events per run, events per frame, and how long each peer is loaded."""

    sockets: int
    events: int
    per_frame: int
    peer_s: float
    seed: int


class IngestReport(msgspec.Struct, frozen=True, kw_only=True):
    """All measurements, run by run."""

    taken_at: datetime
    machine: Machine
    postgres: dict[str, str]
    shape: Shape
    notes: list[str]
    copy: list[TimedRun]
    hub: list[TimedRun]
    keyed: list[TimedRun] = []
    posts: list[TimedRun] = []
    frames: list[TimedRun] = []
    alone: Latency | None = None
    half: Latency | None = None
    half_per_second: float | None = None
    samples: dict[str, int] = {}


class IngestFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Rates per second, and the ratios of the hub, round by round."""

    copy: Spread
    hub: Spread
    hub_to_copy: Spread
    keyed: Spread | None = None
    hub_to_keyed: Spread | None = None
    posts: Spread | None = None
    hub_to_posts: Spread | None = None
    frames: Spread | None = None
    hub_to_frames: Spread | None = None


class ReportFile(msgspec.Struct, frozen=True):
    """The JSON file: figures first, then the measurements."""

    figures: IngestFigures
    ingest: IngestReport


def figures(ingest: IngestReport) -> IngestFigures:
    """Compute medians and ratios of the runs."""
    hub = _rates(ingest.hub)
    return IngestFigures(
        copy=spread(_rates(ingest.copy)),
        hub=spread(hub),
        hub_to_copy=ratios(hub, _rates(ingest.copy)),
        keyed=_spread(ingest.keyed),
        hub_to_keyed=_against(ingest, ingest.keyed),
        posts=_spread(ingest.posts),
        hub_to_posts=_against(ingest, ingest.posts),
        frames=_spread(ingest.frames),
        hub_to_frames=_against(ingest, ingest.frames),
    )


def show(ingest: IngestReport, out: Console) -> None:
    """Print the report."""
    found = figures(ingest)
    _show_rates(ingest, found, out)
    for name, wait in (("alone", ingest.alone), (f"at {ingest.half_per_second or 0:,.0f} events/s", ingest.half)):
        if wait is not None:
            out.print(
                f"send → ack {name}: p50 {wait.p50_ms:.1f} ms, p99 {wait.p99_ms:.1f} ms ({wait.count:,} frames)",
                highlight=False,
            )
    if ingest.samples:
        _show_components(by_component(ingest.samples), out)
    others = spread([run.others for runs in (ingest.copy, ingest.hub, ingest.frames, ingest.posts) for run in runs])
    if others.median > CALM:
        out.print(
            f"[yellow]the machine was not calm:[/yellow] {others.median:.1f} of {ingest.machine.cores} cores were busy "
            "with other programs, which favors services with more processes",
            highlight=False,
        )
    for note in ingest.notes:
        out.print(f"· {note}", style="dim", highlight=False)


def _show_rates(ingest: IngestReport, found: IngestFigures, out: Console) -> None:
    table = Table(title="Durable ingest: websocket → COMMIT → ack", title_justify="left")
    for column in ("", "events/s", "hub is", "CPU s per 100,000 events"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("the hub, all checks on", _rate(found.hub), "", _cpu(ingest.hub))
    table.add_row("bare COPY", _rate(found.copy), _ratio(found.hub_to_copy, 3), _cpu(ingest.copy))
    if found.keyed is not None:
        table.add_row("COPY with the indexes", _rate(found.keyed), _ratio(found.hub_to_keyed, 3), _cpu(ingest.keyed))
    if found.frames is not None:
        table.add_row(
            "a transaction per frame", _rate(found.frames), _ratio(found.hub_to_frames, 1), _cpu(ingest.frames)
        )
    if found.posts is not None:
        table.add_row("an INSERT per POST", _rate(found.posts), _ratio(found.hub_to_posts, 0), _cpu(ingest.posts))
    out.print(table)


def _show_components(components: dict[str, float], out: Console) -> None:
    table = Table(title="CPU time of the hub by component", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for component, share in sorted(components.items(), key=lambda item: -item[1]):
        table.add_row(component, f"{share:.1%}")
    out.print(table)


def _spread(runs: list[TimedRun]) -> Spread | None:
    return spread(_rates(runs)) if runs else None


def _against(ingest: IngestReport, runs: list[TimedRun]) -> Spread | None:
    return ratios(_rates(ingest.hub), _rates(runs)) if runs else None


def _rates(runs: list[TimedRun]) -> list[float]:
    return [run.per_second for run in runs]


def _rate(value: Spread) -> str:
    return f"{value.median:,.0f} ({value.least:,.0f}-{value.most:,.0f})"


def _ratio(value: Spread | None, digits: int) -> str:
    return "" if value is None else f"{value.median:.{digits}f} x ({value.least:.{digits}f}-{value.most:.{digits}f})"


def _cpu(runs: list[TimedRun]) -> str:
    names = list(runs[0].cpu_s)
    return ", ".join(f"{name} {spread([run.cpu_s[name] for run in runs]).median:.2f}" for name in names)
