"""Expiry: instructions whose time is over are marked so on their boards. It never takes back what a client answered."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notifier
from db.queries.console import instructions
from db.unit import change

EXPIRE_S: Final = 5.0
"""How late a board says that an instruction is over; its client is not asked any more from that moment itself."""


async def expire(engine: AsyncEngine, notifier: Notifier) -> None:
    """Mark what is over now, and tell the hubs; safe to repeat, by any number of workers."""
    async with change(engine, notifier) as unit:
        for exam_id, rows in (await instructions.expire_instructions(unit.conn)).items():
            unit.feed(exam_id, rows)
