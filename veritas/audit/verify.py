"""`veritas verify`: the record against the laws, one line each. It reads one moment of it and never writes."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries import verify as checks
from db.queries.evaluation import checkpoints
from db.queries.verify import SHOWN, Breach, Extent
from veritas.audit import reproduce as reproduction
from veritas.audit.reproduce import Reproduction

Check = Callable[[AsyncConnection], Awaitable[list[Breach]]]

LAWS: Final[tuple[tuple[str, Check], ...]] = (
    ("every stream is stored from 1 to its end, without holes or overlaps", checks.find_sequence_errors),
    ("no number can be stored twice: every partition has its key", checks.find_unkeyed_partitions),
    ("no event without its stream", checks.find_orphaned_events),
    ("no event outside the days' partitions", checks.find_events_outside_partitions),
    ("what stands in place of events says what it stands for", checks.find_malformed_markers),
    ("every answer is what its event says, and no event's answer is missing", checks.find_answer_errors),
    ("every feed is numbered without a gap, from the first row kept to its head", checks.find_feed_gaps),
    ("no cursor stands past what is stored, or in a foreign stream", checks.find_cursor_errors),
)


LAWS_OF_FOLDS: Final = (
    "every fold order covers its attempt's streams from 1 to the cursor",
    "folding the stored facts again gives the same flags",
    "every integrity score follows from the flags that stand",
    "every coverage of an attempt that was concluded follows from its connections",
)
"""What `--reproduce` checks besides."""


class Verdict(msgspec.Struct, frozen=True):
    """One law and where it is broken: the first breaches, at most `SHOWN`."""

    law: str
    breaches: Sequence[Breach]


async def check(conn: AsyncConnection) -> list[Verdict]:
    """Check every law, as this transaction sees the record."""
    return [Verdict(law, await find(conn)) for law, find in LAWS]


async def run(engine: AsyncEngine, out: Console, *, reproduce: bool = False) -> int:
    """Check the database and print a line for each law; 0 when all hold, else 1.

    `reproduce` also folds every attempt again, and compares what follows with the flags and scores that are stored.
    """
    async with checks.read_snapshot(engine) as conn:
        extent = await checks.measure_extent(conn)
        out.print(_describe(extent), highlight=False)
        verdicts = await check(conn)
        for verdict in verdicts:
            _show(verdict, out)
        if reproduce:
            verdicts += await _reproduce(conn, out)
    return 1 if any(verdict.breaches for verdict in verdicts) else 0


async def _reproduce(conn: AsyncConnection, out: Console) -> list[Verdict]:
    again = await _fold_again(conn, out)
    verdicts = [
        Verdict(law, breaches)
        for law, breaches in zip(LAWS_OF_FOLDS, (again.order, again.flags, again.scores, again.coverages), strict=True)
    ]
    for verdict in verdicts:
        _show(verdict, out)
    for note in again.notes:
        out.print(f"[yellow]·[/yellow] {note}", highlight=False)
    return verdicts


async def _fold_again(conn: AsyncConnection, out: Console) -> Reproduction:
    """Fold everything again, with a bar where somebody watches."""
    total = await checkpoints.count_folded(conn)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("folding again", total=total)
        started = time.perf_counter()
        found = await reproduction.reproduce(conn, lambda facts: progress.advance(task, facts))
    rate = found.facts / max(time.perf_counter() - started, 1e-9)
    out.print(
        f"{found.facts:,} facts of {found.attempts:,} attempts folded again, {rate:,.0f} a second", highlight=False
    )
    return found


def _describe(extent: Extent) -> str:
    return f"{extent.events:,} events in {extent.streams:,} streams, {extent.feeds:,} feeds, {extent.cursors:,} cursors"


def _show(verdict: Verdict, out: Console) -> None:
    mark = "[red]✗[/red]" if verdict.breaches else "[green]✓[/green]"
    out.print(f"{mark} {verdict.law}", highlight=False)
    for breach in verdict.breaches:
        out.print(f"    {breach.where}: {breach.what}", highlight=False, soft_wrap=True)
    if len(verdict.breaches) == SHOWN:
        out.print(f"    … only the first {SHOWN} are shown", highlight=False)
