"""Compute a student's figures from the final attempts. It never opens or commits a transaction.

The figures depend only on stored rows, so computing them again changes nothing.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.analysis import performance
from judgement.score.performance import compute_performance


async def update_performance(conn: AsyncConnection, student_ids: Collection[UUID]) -> None:
    """Compute and store the figures of these students. Their rows are locked until COMMIT."""
    await performance.lock_metrics(conn, student_ids)
    final = await performance.read_final_attempts(conn, student_ids)
    await performance.store_metrics(
        conn, {student_id: compute_performance(attempts) for student_id, attempts in final.items()}
    )
