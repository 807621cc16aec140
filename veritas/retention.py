"""`veritas retention`: prints what would be deleted and what is held, deletes what is due, and places holds.

It decides nothing: what is past its time is decided in `db/retention/times.py`, and a worker does the same every day.
"""

from datetime import datetime
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import RequestError
from db.queries.retention import holds
from db.retention.times import Times
from db.unit import change
from veritas.errors import VeritasError
from workers.jobs.retention import Plan, Retention, make_plan


async def show_plan(engine: AsyncEngine, times: Times, out: Console) -> None:
    """Print what a run would do now, without doing it."""
    async with engine.connect() as conn:
        print_plan(await make_plan(conn, times), times, out)


def print_plan(plan: Plan, times: Times, out: Console) -> None:
    """Print a plan: attempts by class of data, held attempts by reason, and each old partition."""
    out.print(
        f"events {times.events} days after the final grade, reviews {times.reviews}, answers {times.answers}; "
        f"addresses {times.addresses} days; practice attempts {times.practice} days after their end",
        highlight=False,
    )
    for kind in ("events", "reviews", "answers", "practice"):
        out.print(f"{kind}: {plan.due.get(kind, 0)} attempts past their time", highlight=False)
    for reason, count in sorted(plan.held.items()):
        out.print(f"held: {count} attempts, because {reason}", highlight=False)
    if not plan.days:
        out.print("no partition is old enough", highlight=False)
        return
    table = Table("day", "attempts", "partition", "kept because")
    for day in plan.days:
        kept = "; ".join(f"{count}: {reason}" for reason, count in sorted(day.kept.items()))
        table.add_row(str(day.day), str(day.attempts), "is dropped" if day.is_dropped else "stays", kept)
    out.print(table)


async def run_now(engine: AsyncEngine, times: Times, out: Console) -> None:
    """Delete what is due now. Raises VeritasError when a worker does it at this moment."""
    deleted = await Retention(engine, times).run()
    if deleted is None:
        raise VeritasError("a worker deletes data at this moment: wait until it has finished")
    for name, count in deleted.items():
        out.print(f"{name.replace('_', ' ')}: {count}", highlight=False)


async def place_hold(engine: AsyncEngine, attempt_id: UUID, reason: str, until: datetime | None) -> UUID:
    """Hold the data of an attempt; return the id of the hold. Raises VeritasError."""
    try:
        async with change(engine, None) as unit:
            hold = await holds.place_hold(unit.conn, attempt_id, placed_by=None, reason=reason, until=until)
            details = {"by": "terminal", "hold_id": str(hold.hold_id)}
            unit.audit(actor_id=None, action="hold", resource="attempt", resource_id=attempt_id, details=details)
    except RequestError as error:
        raise VeritasError(str(error)) from error
    return hold.hold_id


async def release_hold(engine: AsyncEngine, hold_id: UUID) -> None:
    """Release a hold. Raises VeritasError."""
    try:
        async with change(engine, None) as unit:
            hold = await holds.release_hold(unit.conn, hold_id, released_by=None)
            details = {"by": "terminal", "hold_id": str(hold_id)}
            unit.audit(
                actor_id=None, action="release_hold", resource="attempt", resource_id=hold.attempt_id, details=details
            )
    except RequestError as error:
        raise VeritasError(str(error)) from error
