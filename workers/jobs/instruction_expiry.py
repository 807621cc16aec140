"""Mark expired instructions on their boards. It never changes a result that a client has reported."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notifier
from db.queries.console import instructions
from db.unit import change

EVERY_S: Final = 5.0
"""How late a board may show that an instruction has expired. Clients stop getting it at the moment of its expiry."""


async def expire_instructions(engine: AsyncEngine, notifier: Notifier) -> None:
    """Mark the instructions that have expired. Safe to repeat, by any number of workers."""
    async with change(engine, notifier) as unit:
        for exam_id, rows in (await instructions.expire_instructions(unit.conn)).items():
            unit.feed(exam_id, rows)
