"""The two materialized views: their age, and their refresh.

Never blocks readers.
"""

from typing import Final

from sqlalchemy import ARRAY, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Base, ExamPerformance, RiskSummary

VIEWS: Final = ("exam_performance_summary", "student_risk_summary")

CHANGES_AT_ONCE: Final = 2_000

_LOCK: Final = 0x7669657773
"""Advisory lock for the refresh: two at once would do the same work twice."""


async def try_lock(conn: AsyncConnection) -> bool:
    """Try to become the one process that refreshes the views until COMMIT. False: another one is."""
    found = await conn.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return bool(found.scalar_one())


async def read_age_s(conn: AsyncConnection) -> float | None:
    """Read for how many seconds the oldest change has waited for its summaries; None without one."""
    found = await conn.execute(text("SELECT extract(epoch FROM clock_timestamp() - min(at)) FROM summary_changes"))
    age = found.scalar_one_or_none()
    return None if age is None else float(age)


async def update_summaries(conn: AsyncConnection) -> int:
    """Add up again the exams and students whose attempts have changed; return how many changes that were.

    A change is removed in the statement that sees it, so a later one makes its rows again.
    """
    gone = (await conn.execute(_TAKE, {"most": CHANGES_AT_ONCE})).all()
    if gone:
        await conn.execute(_SUM_EXAMS, {"exams": sorted({row.exam_id for row in gone})})
        await conn.execute(_DROP_EXAMS, {"exams": sorted({row.exam_id for row in gone})})
        await conn.execute(_SUM_STUDENTS, {"students": sorted({row.student_id for row in gone})})
        await conn.execute(_DROP_STUDENTS, {"students": sorted({row.student_id for row in gone})})
    return len(gone)


async def merge_counts(conn: AsyncConnection) -> None:
    """Replace the rows of each exam with changed counts by their sum. Waits for no one, and blocks no change."""
    await conn.execute(_MERGE_COUNTS)


async def rebuild_summaries(conn: AsyncConnection) -> None:
    """Add up all exams and students again, with the rights of the owner. Readers do not wait.

    This takes longer than a query may: use `db.engine.begin_unguarded`.
    """
    await conn.execute(text("SELECT refresh_summary_views()"))


_TAKE: Final = text(
    "DELETE FROM summary_changes WHERE id IN (SELECT id FROM summary_changes ORDER BY id LIMIT :most) "
    "RETURNING exam_id, student_id"
)


def _sum_up(table: type[Base], view: str, key: str, among: str) -> TextClause:
    columns = [column.name for column in table.__table__.c]
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    return text(
        f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {view} "  # noqa: S608
        f"WHERE {key} = ANY (:{among}) ON CONFLICT ({key}) DO UPDATE SET {changed}"
    ).bindparams(bindparam(among, type_=ARRAY(Uuid)))


def _drop(table: type[Base], key: str, among: str) -> TextClause:
    """Delete the rows of what has no attempt any more: they were not added up now."""
    return text(
        f"DELETE FROM {table.__tablename__} WHERE {key} = ANY (:{among}) AND as_of < now()"  # noqa: S608
    ).bindparams(bindparam(among, type_=ARRAY(Uuid)))


_SUM_EXAMS: Final = _sum_up(ExamPerformance, "exam_performance_now", "exam_id", "exams")
_DROP_EXAMS: Final = _drop(ExamPerformance, "exam_id", "exams")
_SUM_STUDENTS: Final = _sum_up(RiskSummary, "student_risk_now", "student_id", "students")
_DROP_STUDENTS: Final = _drop(RiskSummary, "student_id", "students")
_MERGE_COUNTS: Final = text(
    """
    WITH gone AS (
        DELETE FROM exam_counts WHERE exam_id IN (SELECT exam_id FROM exam_counts WHERE is_change) RETURNING *
    )
    INSERT INTO exam_counts (exam_id, roster, attempts, running, ungraded, is_change)
    SELECT exam_id, sum(roster), sum(attempts), sum(running), sum(ungraded), false
    FROM gone WHERE EXISTS (SELECT FROM exams WHERE exams.id = gone.exam_id) GROUP BY exam_id
    """
)
