"""`veritas verify`: checks the stored record and prints one line per law. Reads one snapshot and never writes."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit.chain import Anchor
from db.queries import audit_chain
from db.queries import verify as checks
from db.queries.evaluation import checkpoints
from db.queries.verify import SHOWN, Breach, Extent
from veritas.audit import reproduce as reproduction
from veritas.audit.reproduce import Reproduction, describe_past

Check = Callable[[AsyncConnection], Awaitable[list[Breach]]]

LAWS: Final[tuple[tuple[str, Check], ...]] = (
    ("every stream is stored from 1 to its end, without gaps or overlaps", checks.find_sequence_errors),
    ("no number can be stored twice: every partition has its key", checks.find_unkeyed_partitions),
    ("no event without its stream", checks.find_orphaned_events),
    ("no event outside the daily partitions", checks.find_events_outside_partitions),
    ("every tombstone and lost span names what it replaces", checks.find_malformed_markers),
    ("every answer matches its event, and no answer is missing", checks.find_answer_errors),
    ("every feed is numbered without gaps, from its first kept row to its head", checks.find_feed_gaps),
    ("events that were deleted after their time are gone", checks.find_undeleted_events),
    ("no cursor is past the stored events or in a foreign stream", checks.find_cursor_errors),
    ("no row of the audit log was changed or deleted: the chain covers it", audit_chain.find_broken_links),
    ("no row of the audit log was passed over by its chain", audit_chain.find_unsealed),
)


LAWS_OF_FOLDS: Final = (
    "every fold order covers its attempt's streams from 1 to the cursor",
    "folding the stored events again gives the same flags",
    "every integrity score follows from the flags that count",
    "every coverage of an analyzed attempt follows from what was observed",
)
"""Additional laws of `--reproduce`."""


class LawResult(msgspec.Struct, frozen=True):
    """One law and its first breaches, at most `SHOWN`."""

    law: str
    breaches: Sequence[Breach]


ANCHORS: Final = "the chain contains every anchor"


async def check(conn: AsyncConnection, anchors: Sequence[Anchor] = ()) -> list[LawResult]:
    """Check every law in the snapshot of this transaction. `anchors` are links known from outside the database."""
    results = [LawResult(law, await find(conn)) for law, find in LAWS]
    return [*results, LawResult(ANCHORS, await audit_chain.find_lost_anchors(conn, anchors))]


async def run(engine: AsyncEngine, out: Console, *, reproduce: bool = False, anchors: Sequence[Anchor] = ()) -> int:
    """Check the database and print a line for each law. Returns 0 if all hold, else 1.

    `reproduce` also folds every attempt again and compares the result with the stored flags and scores. `anchors` are
    links of the audit chain that are known from outside the database.
    """
    async with checks.read_snapshot(engine) as conn:
        extent = await checks.measure_extent(conn)
        out.print(_describe(extent), highlight=False)
        results = await check(conn, anchors)
        for result in results:
            _show(result, out)
        waiting = await audit_chain.count_waiting(conn)
        if waiting:
            out.print(f"[yellow]·[/yellow] audit rows not sealed yet: {waiting:,}. Start a worker.", highlight=False)
        past = await checks.count_past_retention(conn)
        if past:
            out.print(f"[yellow]·[/yellow] {describe_past(past)}", highlight=False)
        if reproduce:
            results += await _reproduce(conn, out)
    return 1 if any(result.breaches for result in results) else 0


async def _reproduce(conn: AsyncConnection, out: Console) -> list[LawResult]:
    again = await _fold_again(conn, out)
    results = [
        LawResult(law, breaches)
        for law, breaches in zip(LAWS_OF_FOLDS, (again.order, again.flags, again.scores, again.coverages), strict=True)
    ]
    for result in results:
        _show(result, out)
    for note in again.notes:
        out.print(f"[yellow]·[/yellow] {note}", highlight=False)
    return results


async def _fold_again(conn: AsyncConnection, out: Console) -> Reproduction:
    """Fold everything again, with a progress bar on a terminal."""
    total = await checkpoints.count_folded(conn)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("folding again", total=total)
        started = time.perf_counter()
        found = await reproduction.reproduce(conn, lambda events: progress.advance(task, events))
    rate = found.events / max(time.perf_counter() - started, 1e-9)
    out.print(
        f"{found.events:,} events of {found.attempts:,} attempts folded again, {rate:,.0f} a second", highlight=False
    )
    return found


def _describe(extent: Extent) -> str:
    return f"{extent.events:,} events in {extent.streams:,} streams, {extent.feeds:,} feeds, {extent.cursors:,} cursors"


def _show(result: LawResult, out: Console) -> None:
    mark = "[red]✗[/red]" if result.breaches else "[green]✓[/green]"
    out.print(f"{mark} {result.law}", highlight=False)
    for breach in result.breaches:
        out.print(f"    {breach.where}: {breach.what}", highlight=False, soft_wrap=True)
    if len(result.breaches) == SHOWN:
        out.print(f"    … only the first {SHOWN} are shown", highlight=False)
