"""Reviews: decisions of reviewers about flags.

Never decides which decision may follow which.
"""

from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.models import AnalysisCursor, ExamAttempt, Flag, FlagReview, User
from db.queries.analysis import analyses
from protocol.flags import FlagStatus


class StoredReview(msgspec.Struct, frozen=True):
    """A stored review: reviewer and time, in ms since the epoch."""

    flag_id: UUID
    command_id: UUID
    reviewer_id: UUID
    reviewer: str
    at: int


class LockedFlag(msgspec.Struct, frozen=True):
    """A flag locked for a decision, with its last review."""

    attempt_id: UUID
    status: FlagStatus
    last: StoredReview | None


async def lock_flag(conn: AsyncConnection, exam_id: UUID, flag_id: UUID) -> LockedFlag | None:
    """Lock a flag of this exam until COMMIT, after its attempt's cursor; None when there is no such flag.

    The order is the same as in every transaction that changes scores.
    """
    found = await conn.execute(
        select(Flag.attempt_id)
        .join(ExamAttempt, ExamAttempt.id == Flag.attempt_id)
        .where(Flag.id == flag_id, ExamAttempt.exam_id == exam_id)
    )
    attempt_id: UUID | None = found.scalar_one_or_none()
    if attempt_id is None:
        return None
    await conn.execute(
        select(AnalysisCursor.attempt_id).where(AnalysisCursor.attempt_id == attempt_id).with_for_update(key_share=True)
    )
    locked = await conn.execute(select(Flag.status).where(Flag.id == flag_id).with_for_update(key_share=True))
    return LockedFlag(attempt_id, FlagStatus(locked.scalar_one()), await _read_last(conn, flag_id))


async def store_decision(
    conn: AsyncConnection,
    *,
    flag_id: UUID,
    seen: FlagStatus,
    decision: FlagStatus,
    reviewer_id: UUID,
    command_id: UUID,
    reason: str,
) -> None:
    """Store a decision about a locked flag and set its status; a command decides once.

    Marks the analysis of the attempt as stale.
    """
    await conn.execute(
        insert(FlagReview).values(
            id=uuid7(),
            flag_id=flag_id,
            reviewer_id=reviewer_id,
            command_id=command_id,
            from_status=seen,
            to_status=decision,
            reason=reason,
            # Not now(): the transaction may have waited for the lock, so the later decision could get the earlier time.
            reviewed_at=func.clock_timestamp(),
        )
    )
    changed = await conn.execute(
        update(Flag).where(Flag.id == flag_id).values(status=decision).returning(Flag.attempt_id)
    )
    await analyses.mark_stale(conn, [changed.scalar_one()])


async def _read_last(conn: AsyncConnection, flag_id: UUID) -> StoredReview | None:
    found = await conn.execute(
        select(
            FlagReview.flag_id, FlagReview.command_id, FlagReview.reviewer_id, User.full_name, FlagReview.reviewed_at
        )
        .join(User, User.id == FlagReview.reviewer_id)
        .where(FlagReview.flag_id == flag_id)
        .order_by(FlagReview.reviewed_at.desc())
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        return None
    return StoredReview(row.flag_id, row.command_id, row.reviewer_id, row.full_name, to_ms(row.reviewed_at))
