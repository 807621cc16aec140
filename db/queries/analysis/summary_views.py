"""The two materialised views: how old they are, and making them anew while everybody goes on reading them."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

VIEWS: Final = ("exam_performance_summary", "student_risk_summary")

_LOCK: Final = 0x7669657773
"""Names the one turn there is to refresh them: two at once would do the same twice, one after the other."""


async def try_lock(conn: AsyncConnection) -> bool:
    """Whether nobody else makes the views anew just now; if so nobody else does until COMMIT."""
    found = await conn.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return bool(found.scalar_one())


async def read_age_s(conn: AsyncConnection) -> float | None:
    """How old the views are; None while nothing stands in them."""
    found = await conn.execute(
        text("SELECT extract(epoch FROM clock_timestamp() - as_of) FROM exam_performance_summary LIMIT 1")
    )
    age = found.scalar_one_or_none()
    return None if age is None else float(age)


async def refresh_views(conn: AsyncConnection) -> None:
    """Make both anew; readers are not held up. It takes longer than a query may: `db.engine.patient` waits for it."""
    for view in VIEWS:
        await conn.execute(text(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}"))
