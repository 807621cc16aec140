"""A student's figures, worked out anew from their final attempts. Thin: load, judge, store, in somebody's transaction.

They follow from what is stored and from nothing else, so doing it again changes nothing.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.analysis import performance
from judgement.score.performance import compute_performance


async def work_out(conn: AsyncConnection, student_ids: Collection[UUID]) -> None:
    """Work these students' figures out anew; nobody else does until COMMIT."""
    await performance.lock_metrics(conn, student_ids)
    final = await performance.read_final_attempts(conn, student_ids)
    await performance.store_metrics(
        conn, {student_id: compute_performance(attempts) for student_id, attempts in final.items()}
    )
