"""What a console shows of one exam, read as it stands at one offset of its feed; and who may watch it.

Every row of a board has one statement that builds it, used for snapshots and for deltas alike: a console that follows
and one that has just come see the same.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import Exam, ExamAttempt, ExamEnrollment, FeedHead, Flag, FlagReview, User
from db.queries import access, flags, instructions
from db.queries.epoch import read_epoch
from protocol.attempts import AttemptStatus
from protocol.console import AttemptRow, ExamRow, FlagRow, ScoreRow, Snapshot, StudentRow
from protocol.exams import Permission


async def watchable(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> bool:
    """Whether this person may watch the exam: who may see it, invigilate in it or review in it."""
    return await access.may(conn, exam_id, user_id, Permission.VIEW, Permission.INVIGILATE, Permission.REVIEW)


async def read_board(conn: AsyncConnection, exam_id: UUID) -> Snapshot:
    """Read the whole numbered part as one snapshot of one part; scores that are not known have no row.

    The caller opens the transaction, REPEATABLE READ and read-only, so that all of it stands at one offset.
    Raises NotFound.
    """
    found = await conn.execute(
        select(Exam.title, Exam.duration_minutes, FeedHead.head)
        .join(FeedHead, FeedHead.exam_id == Exam.id)
        .where(Exam.id == exam_id)
    )
    head = found.one_or_none()
    if head is None:
        raise NotFound(f"no exam {exam_id}")
    attempts, scores = await _read_attempts(conn, exam_id)
    return Snapshot(
        exam_id=exam_id,
        epoch=await read_epoch(conn),
        offset=head.head,
        part=1,
        parts=1,
        exam=ExamRow(exam_id, head.title, head.duration_minutes),
        students=await _read_students(conn, exam_id),
        attempts=attempts,
        scores=scores,
        flags=[_flag(row) for row in await conn.execute(_select_flags().where(ExamAttempt.exam_id == exam_id))],
        instructions=await instructions.read_latest(conn, exam_id),
    )


async def read_flag(conn: AsyncConnection, flag_id: UUID) -> FlagRow:
    """Read one flag as the board shows it. Raises NotFound."""
    row = (await conn.execute(_select_flags().where(Flag.id == flag_id))).one_or_none()
    if row is None:
        raise NotFound(f"no flag {flag_id}")
    return _flag(row)


async def _read_students(conn: AsyncConnection, exam_id: UUID) -> list[StudentRow]:
    found = await conn.execute(
        select(User.id, User.full_name, ExamEnrollment.removed_at)
        .join(ExamEnrollment, ExamEnrollment.student_id == User.id)
        .where(ExamEnrollment.exam_id == exam_id)
    )
    return [StudentRow(row.id, row.full_name, row.removed_at is None) for row in found]


async def _read_attempts(conn: AsyncConnection, exam_id: UUID) -> tuple[list[AttemptRow], list[ScoreRow]]:
    found = await conn.execute(
        select(
            ExamAttempt.id,
            ExamAttempt.ix,
            ExamAttempt.student_id,
            ExamAttempt.status,
            ExamAttempt.deadline,
            ExamAttempt.integrity_score,
        )
        .where(ExamAttempt.exam_id == exam_id)
        .order_by(ExamAttempt.ix)
    )
    attempts, scores = [], []
    for row in found:
        deadline = None if row.deadline is None else to_ms(row.deadline)
        attempts.append(
            AttemptRow(
                ix=row.ix,
                attempt_id=row.id,
                student_id=row.student_id,
                status=AttemptStatus(row.status),
                deadline=deadline,
            )
        )
        if row.integrity_score is not None:
            scores.append(ScoreRow(row.id, row.integrity_score))
    return attempts, scores


def _select_flags() -> Select[*tuple[Any, ...]]:
    """Flags with the last decision about each."""
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
    return flags.show(row, reviewed_by=row.full_name, reason=row.reason)
