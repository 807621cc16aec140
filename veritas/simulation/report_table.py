"""Print a report as a short table, with its faults in words. Computes nothing."""

from rich.console import Console
from rich.table import Table

from veritas.simulation.report import Percentiles, RunReport

FAULTS_SHOWN = 12


def show_report(report: RunReport, out: Console) -> None:
    """Print a report."""
    table = Table(title="Result", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("students", f"{report.students:,}", ", ".join(f"{n} {name}" for name, n in report.scripts.items()))
    table.add_row("events sent", f"{report.sent:,}", f"{report.events_per_second:,.0f} a second")
    table.add_row("acknowledged", f"{report.acked:,}", _span(report.ack_ms))
    table.add_row("stored", _number(report.stored), f"{report.rejected} rejected, {report.lost} lost")
    table.add_row("flags raised", _number(report.flags_raised), _rules(report))
    table.add_row("flags seen", f"{report.flags_seen:,}", _span(report.flag_ms))
    table.add_row("sockets opened", f"{report.connections:,}", f"{report.seconds:.0f} s")
    out.print(table)
    faults = report.faults()
    for fault in faults[:FAULTS_SHOWN]:
        out.print(f"[red]✗[/red] {fault}", highlight=False)
    if len(faults) > FAULTS_SHOWN:
        out.print(f"[red]✗[/red] and {len(faults) - FAULTS_SHOWN} more", highlight=False)
    if not faults:
        out.print("[green]✓[/green] every event is stored once, every flag is the right one", highlight=False)


def _number(value: int | None) -> str:
    return "not checked" if value is None else f"{value:,}"


def _span(values: Percentiles) -> str:
    return "" if values.p50 is None else f"p50 {values.p50:.1f} ms, p99 {values.p99:.1f} ms"


def _rules(report: RunReport) -> str:
    return ", ".join(f"{count} {rule}" for rule, count in report.flags_by_rule.items())
