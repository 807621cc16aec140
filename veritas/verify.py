"""`veritas verify`: the record against the laws, one line each. It reads one moment of it and never writes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries import verify as checks
from db.queries.verify import SHOWN, Breach

Check = Callable[[AsyncConnection], Awaitable[list[Breach]]]

LAWS: Final[tuple[tuple[str, Check], ...]] = (
    ("every stream is stored from 1 to its end, without holes or overlaps", checks.find_untiled),
    ("no number can be stored twice: every partition has its key", checks.find_unkeyed),
    ("no event without its stream", checks.find_foreign),
    ("no event outside the days' partitions", checks.find_strays),
    ("every feed is numbered from 1 to its head", checks.find_feed_gaps),
    ("no cursor stands past what is stored, or in a foreign stream", checks.find_runaway_cursors),
)


class Verdict(msgspec.Struct, frozen=True):
    """One law and where it is broken: the first breaches, at most `SHOWN`."""

    law: str
    breaches: Sequence[Breach]


async def check(conn: AsyncConnection) -> list[Verdict]:
    """Check every law, as this transaction sees the record."""
    return [Verdict(law, await find(conn)) for law, find in LAWS]


async def run(engine: AsyncEngine, out: Console) -> int:
    """Check the database and print a line for each law; 0 when all hold, else 1."""
    async with checks.look(engine) as conn:
        extent = await checks.measure(conn)
        verdicts = await check(conn)
    out.print(
        f"{extent.events:,} events in {extent.streams:,} streams, {extent.feeds:,} feeds, {extent.cursors:,} cursors",
        highlight=False,
    )
    for verdict in verdicts:
        _show(verdict, out)
    return 1 if any(verdict.breaches for verdict in verdicts) else 0


def _show(verdict: Verdict, out: Console) -> None:
    mark = "[red]✗[/red]" if verdict.breaches else "[green]✓[/green]"
    out.print(f"{mark} {verdict.law}", highlight=False)
    for breach in verdict.breaches:
        out.print(f"    {breach.where}: {breach.what}", highlight=False, soft_wrap=True)
    if len(verdict.breaches) == SHOWN:
        out.print(f"    … only the first {SHOWN} are shown", highlight=False)
