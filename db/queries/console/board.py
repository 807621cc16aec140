"""The board of one exam, read at one offset of its feed, and who may watch it.

Snapshots and deltas use the same statement for each kind of row, so that all consoles see the same. Never writes.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Uuid, any_, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamEnrollment, FeedHead, Flag, FlagReview, User
from db.queries import access
from db.queries.console import instructions
from db.queries.evaluation import flags, scores
from db.queries.events.database_epoch import read_epoch
from protocol.attempts import AttemptStatus
from protocol.console import AttemptRow, ExamRow, FlagRow, ScoreRow, Snapshot, StudentRow
from protocol.roles import Permission

WATCHING: Final = (Permission.VIEW, Permission.INVIGILATE, Permission.REVIEW)
"""Any of these permissions allows watching an exam. Commands require more (`hub.commands.commands.REQUIRED`)."""


async def list_watchable(conn: AsyncConnection, exam_ids: Collection[UUID], user_id: UUID) -> set[UUID]:
    """Return which of these exams the user may watch."""
    found = await conn.execute(
        select(Exam.id).where(Exam.id == any_(literal(list(exam_ids), ARRAY(Uuid))), access.permits(user_id, *WATCHING))
    )
    return set(found.scalars())


async def read_board(conn: AsyncConnection, exam_id: UUID) -> Snapshot:
    """Read the whole board as one snapshot in one part. Unknown scores have no row.

    The caller opens the transaction, REPEATABLE READ and read-only, so that everything is read at one offset. Raises
    NotFound.
    """
    found = await conn.execute(
        select(Exam.title, Exam.duration_minutes, FeedHead.head)
        .join(FeedHead, FeedHead.exam_id == Exam.id)
        .where(Exam.id == exam_id)
    )
    head = found.one_or_none()
    if head is None:
        raise NotFound(f"There is no exam {exam_id}.")
    attempts, integrities = await _read_attempts(conn, exam_id)
    return Snapshot(
        exam_id=exam_id,
        epoch=await read_epoch(conn),
        offset=head.head,
        part=1,
        parts=1,
        exam=ExamRow(exam_id, head.title, head.duration_minutes),
        students=await _read_students(conn, exam_id),
        attempts=attempts,
        scores=integrities,
        flags=[_flag(row) for row in await conn.execute(_select_flags().where(ExamAttempt.exam_id == exam_id))],
        instructions=await instructions.read_latest(conn, exam_id),
    )


async def read_flag_row(conn: AsyncConnection, flag_id: UUID) -> FlagRow:
    """Read one flag as the board shows it. Raises NotFound."""
    row = (await conn.execute(_select_flags().where(Flag.id == flag_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no flag {flag_id}.")
    return _flag(row)


async def _read_students(conn: AsyncConnection, exam_id: UUID) -> list[StudentRow]:
    found = await conn.execute(
        select(User.id, func.coalesce(ExamEnrollment.name, User.full_name).label("name"), ExamEnrollment.removed_at)
        .join(ExamEnrollment, ExamEnrollment.student_id == User.id)
        .where(ExamEnrollment.exam_id == exam_id)
    )
    return [StudentRow(row.id, row.name, row.removed_at is None) for row in found]


async def read_attempt_row(conn: AsyncConnection, attempt_id: UUID) -> AttemptRow:
    """Read one attempt as the board shows it. Raises NotFound."""
    row = (await conn.execute(_ATTEMPTS.where(ExamAttempt.id == attempt_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return _attempt(row)


_ATTEMPTS: Final[Select[*tuple[Any, ...]]] = select(
    ExamAttempt.id,
    ExamAttempt.ix,
    ExamAttempt.student_id,
    ExamAttempt.status,
    ExamAttempt.deadline,
    ExamAttempt.completed_at,
    ExamAttempt.waived_at,
    ExamAttempt.integrity_score,
    ExamAttempt.coverage,
)


async def _read_attempts(conn: AsyncConnection, exam_id: UUID) -> tuple[list[AttemptRow], list[ScoreRow]]:
    found = (await conn.execute(_ATTEMPTS.where(ExamAttempt.exam_id == exam_id).order_by(ExamAttempt.ix))).all()
    rows = [scores.to_score_row(row.id, row.integrity_score, row.coverage) for row in found]
    return [_attempt(row) for row in found], [row for row in rows if not row.is_empty]


def _attempt(row: Row[Any]) -> AttemptRow:
    return AttemptRow(
        ix=row.ix,
        attempt_id=row.id,
        student_id=row.student_id,
        status=AttemptStatus(row.status),
        deadline=None if row.deadline is None else to_ms(row.deadline),
        completed_at=None if row.completed_at is None else to_ms(row.completed_at),
        waived=row.waived_at is not None,
    )


def _select_flags() -> Select[*tuple[Any, ...]]:
    """Select flags, each with its last review."""
    last = (
        select(FlagReview.reason, User.full_name)
        .join(User, User.id == FlagReview.reviewer_id)
        .where(FlagReview.flag_id == Flag.id)
        .order_by(FlagReview.reviewed_at.desc())
        .limit(1)
        .lateral()
    )
    return (
        select(*flags.SHOWN, last.c.full_name, last.c.reason)
        .join(ExamAttempt, ExamAttempt.id == Flag.attempt_id)
        .outerjoin(last, true())
    )


def _flag(row: Row[Any]) -> FlagRow:
    return flags.show_flag(row, reviewed_by=row.full_name, reason=row.reason)
