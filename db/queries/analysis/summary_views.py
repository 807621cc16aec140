"""The two materialized views: their age, and their refresh.

Never blocks readers.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

VIEWS: Final = ("exam_performance_summary", "student_risk_summary")

_LOCK: Final = 0x7669657773
"""Advisory lock for the refresh: two at once would do the same work twice."""


async def try_lock(conn: AsyncConnection) -> bool:
    """Try to become the one process that refreshes the views until COMMIT. False: another one is."""
    found = await conn.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return bool(found.scalar_one())


async def read_age_s(conn: AsyncConnection) -> float | None:
    """Read the age of the views in seconds; None while they are empty."""
    found = await conn.execute(
        text("SELECT extract(epoch FROM clock_timestamp() - as_of) FROM exam_performance_summary LIMIT 1")
    )
    age = found.scalar_one_or_none()
    return None if age is None else float(age)


async def refresh_views(conn: AsyncConnection) -> None:
    """Refresh both views without blocking readers, with the rights of the owner.

    This takes longer than a query may: use `db.engine.begin_unguarded`.
    """
    await conn.execute(text("SELECT refresh_summary_views()"))
