"""Expiry: instructions whose time is over are marked so on their boards. It never takes back what a client answered."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notifier
from db.queries.console import instructions

EXPIRE_S: Final = 5.0
"""How late a board says that an instruction is over; its client is not asked any more from that moment itself."""


async def expire(engine: AsyncEngine, notifier: Notifier) -> None:
    """Mark what is over now, and tell the hubs; safe to repeat, by any number of workers."""
    async with engine.begin() as conn:
        exam_ids = await instructions.expire(conn)
    for exam_id in exam_ids:
        await notifier.notify("feed", exam_id)
