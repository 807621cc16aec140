"""Holds: reasons to keep the data of an attempt past their time.

A hold is never deleted before its attempt, only released. It cannot bring back what is deleted.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import Conflict, NotFound
from db.models import AttemptHold, Exam, ExamAttempt, User


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """One hold; times in ms since the epoch. Without `until` it has no end. `placed_by` is a username."""

    hold_id: UUID
    attempt_id: UUID
    reason: str
    until: int | None
    placed_at: int
    placed_by: str | None
    released_at: int | None


_VIEW: Final = (
    AttemptHold.id,
    AttemptHold.attempt_id,
    AttemptHold.reason,
    AttemptHold.until,
    AttemptHold.placed_at,
    AttemptHold.released_at,
    User.username.label("placed_by"),
)


async def place_hold(
    conn: AsyncConnection, attempt_id: UUID, *, placed_by: UUID | None, reason: str, until: datetime | None
) -> HoldView:
    """Hold the data of an attempt, also those that are left when the events are deleted, such as answers.

    Raises NotFound, and Conflict when there is nothing left, or when the exam is deleted or the person erased.
    """
    all_gone = and_(
        ExamAttempt.events_deleted_at.is_not(None),
        ExamAttempt.reviews_deleted_at.is_not(None),
        ExamAttempt.answers_deleted_at.is_not(None),
    )
    found = await conn.execute(
        select(or_(all_gone, Exam.deleting_at.is_not(None), User.erased_at.is_not(None)).label("is_gone"))
        .select_from(ExamAttempt)
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .join(User, User.id == ExamAttempt.student_id)
        .where(ExamAttempt.id == attempt_id)
        .with_for_update(of=ExamAttempt)
    )
    attempt = found.one_or_none()
    if attempt is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    if attempt.is_gone:
        raise Conflict("The data of this attempt are deleted already.")
    hold_id = uuid7()
    await conn.execute(
        insert(AttemptHold).values(id=hold_id, attempt_id=attempt_id, placed_by=placed_by, reason=reason, until=until)
    )
    return await read_hold(conn, hold_id)


async def release_hold(conn: AsyncConnection, hold_id: UUID, *, released_by: UUID | None) -> HoldView:
    """Release a hold. Releasing it again changes nothing. Raises NotFound."""
    await conn.execute(
        update(AttemptHold)
        .where(AttemptHold.id == hold_id, AttemptHold.released_at.is_(None))
        .values(released_at=func.now(), released_by=released_by)
    )
    return await read_hold(conn, hold_id)


async def read_hold(conn: AsyncConnection, hold_id: UUID) -> HoldView:
    """Read one hold. Raises NotFound."""
    found = await conn.execute(
        select(*_VIEW).outerjoin(User, User.id == AttemptHold.placed_by).where(AttemptHold.id == hold_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"There is no hold {hold_id}.")
    return _view(row)


async def list_holds(
    conn: AsyncConnection, *, attempt_id: UUID | None = None, after: UUID | None = None, limit: int = 50
) -> list[HoldView]:
    """List the holds that were not released, of all attempts or of one, the newest first, before the hold `after`."""
    wanted = select(*_VIEW).outerjoin(User, User.id == AttemptHold.placed_by).where(AttemptHold.released_at.is_(None))
    if attempt_id is not None:
        wanted = wanted.where(AttemptHold.attempt_id == attempt_id)
    if after is not None:
        wanted = wanted.where(AttemptHold.id < after)
    return [_view(row) for row in await conn.execute(wanted.order_by(AttemptHold.id.desc()).limit(limit))]


def _view(row: Row[*tuple[Any, ...]]) -> HoldView:
    return HoldView(
        hold_id=row.id,
        attempt_id=row.attempt_id,
        reason=row.reason,
        until=None if row.until is None else to_ms(row.until),
        placed_at=to_ms(row.placed_at),
        placed_by=row.placed_by,
        released_at=None if row.released_at is None else to_ms(row.released_at),
    )
