"""Remove attempts with all their data: of practice exams, of an exam that is deleted, of a person who is erased.

The functions that delete are in migration 0007. They cover every table with a column `attempt_id`, so that no new table
is forgotten. Never removes an attempt that runs; a trigger refuses that, and an attempt that is held.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, NotFound
from db.models import AttemptHold, Exam, ExamAttempt, FeedHead, Flag, User
from protocol.attempts import RUNNING
from protocol.flags import UNDECIDED
from protocol.roles import Role

PAGE: Final = 100
"""How many attempts are removed in one transaction."""

_IDS: Final = bindparam("ids", type_=ARRAY(PG_UUID))
_REMOVABLE: Final = text(
    "SELECT id FROM exam_attempts WHERE id = ANY (:ids) AND events_deleted_at IS NOT NULL AND NOT has_events_left"
).bindparams(_IDS)
_MARK: Final = text(
    "UPDATE exam_attempts SET events_deleted_at = now(), has_events_left = true "
    "WHERE id = ANY (:ids) AND events_deleted_at IS NULL"
).bindparams(_IDS)
_REMOVE: Final = text("SELECT remove_attempts(:ids)").bindparams(_IDS)


class Obstacles(msgspec.Struct, frozen=True):
    """How many attempts prevent a deletion: those that run, and those with an undecided flag or a hold."""

    running: int
    held: int


async def mark_removed(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> None:
    """Decide that all events of these attempts are deleted. Raises DBAPIError when the database refuses one of them."""
    await conn.execute(_MARK, {"ids": sorted(attempt_ids)})


async def remove_attempts(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> int:
    """Delete those of these attempts that have no events left, and everything of them; return how many."""
    removable = list((await conn.execute(_REMOVABLE, {"ids": sorted(attempt_ids)})).scalars())
    return int((await conn.execute(_REMOVE, {"ids": removable})).scalar_one())


async def begin_exam_deletion(conn: AsyncConnection, exam_id: UUID) -> None:
    """Decide that an exam is deleted, and hide it from students. The caller has checked the access.

    Raises NotFound, and Conflict while attempts run or are held.
    """
    # Attempts start under this lock, so none starts while they are counted.
    await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == exam_id).with_for_update())
    _refuse(await _find_obstacles(conn, ExamAttempt.exam_id == exam_id), "exam")
    await conn.execute(
        update(Exam)
        .where(Exam.id == exam_id)
        .values(deleting_at=func.coalesce(Exam.deleting_at, func.now()), is_published=False)
    )


async def begin_erasure(conn: AsyncConnection, user_id: UUID, *, is_forced: bool = False) -> None:
    """Decide that a person is erased; they cannot sign in from now on. Repeating it changes nothing.

    Raises NotFound, and Conflict while an attempt of the person runs, or is held unless it is forced; and for an
    administrator or a program.
    """
    found = await conn.execute(select(User.role, User.erased_at).where(User.id == user_id).with_for_update())
    user = found.one_or_none()
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    if user.role in {Role.ADMIN, Role.SERVICE}:
        raise Conflict("Only students and teachers can be erased. Change the role first.")
    obstacles = await _find_obstacles(conn, ExamAttempt.student_id == user_id)
    _refuse(Obstacles(obstacles.running, 0) if is_forced else obstacles, "person")
    await conn.execute(
        update(User)
        .where(User.id == user_id)
        .values(erased_at=func.coalesce(User.erased_at, func.now()), is_active=False)
    )


async def list_attempts_of_exam(conn: AsyncConnection, exam_id: UUID, limit: int = PAGE) -> list[UUID]:
    """List attempts of an exam."""
    found = await conn.execute(
        select(ExamAttempt.id).where(ExamAttempt.exam_id == exam_id).order_by(ExamAttempt.id).limit(limit)
    )
    return list(found.scalars())


async def list_attempts_of_student(conn: AsyncConnection, student_id: UUID) -> list[UUID]:
    """List the attempts of a student."""
    found = await conn.execute(
        select(ExamAttempt.id).where(ExamAttempt.student_id == student_id).order_by(ExamAttempt.id)
    )
    return list(found.scalars())


async def list_exams_of_student(conn: AsyncConnection, student_id: UUID) -> list[UUID]:
    """List the exams of which a student has an attempt or a place on the roster."""
    found = await conn.execute(_EXAMS, {"student": student_id})
    return list(found.scalars())


async def list_exams_to_remove(conn: AsyncConnection) -> list[UUID]:
    """List exams whose deletion has begun."""
    return list((await conn.execute(select(Exam.id).where(Exam.deleting_at.is_not(None)))).scalars())


async def remove_exam(conn: AsyncConnection, exam_id: UUID) -> None:
    """Delete an exam that has no attempts left: items, policies, roster, codes, permissions, feed, commands."""
    await conn.execute(text("SELECT remove_exam(:id)"), {"id": exam_id})


async def erase_user(conn: AsyncConnection, user_id: UUID) -> None:
    """Erase a person whose attempts have no events left. The user's row stays without a name, attempts with marks."""
    await conn.execute(text("SELECT erase_user(:id)"), {"id": user_id})


_EXAMS: Final = text(
    "SELECT exam_id FROM exam_enrollments WHERE student_id = :student "
    "UNION SELECT exam_id FROM exam_attempts WHERE student_id = :student"
)


async def _find_obstacles(conn: AsyncConnection, which: Any) -> Obstacles:
    undecided = select(Flag.id).where(Flag.attempt_id == ExamAttempt.id, Flag.status.in_(UNDECIDED)).exists()
    held = (
        select(AttemptHold.id)
        .where(
            AttemptHold.attempt_id == ExamAttempt.id,
            AttemptHold.released_at.is_(None),
            func.coalesce(AttemptHold.until, text("'infinity'")) > func.now(),
        )
        .exists()
    )
    found = await conn.execute(
        select(
            func.count().filter(ExamAttempt.status.in_(RUNNING)).label("running"),
            func.count().filter(undecided | held).label("held"),
        ).where(which)
    )
    row = found.one()
    return Obstacles(row.running, row.held)


def _refuse(obstacles: Obstacles, what: str) -> None:
    """Raise Conflict when an attempt prevents the deletion."""
    if obstacles.running:
        raise Conflict(f"An attempt is running. You can delete the data of this {what} after its end.")
    if obstacles.held:
        raise Conflict(
            f"{obstacles.held} attempt{'s are' if obstacles.held > 1 else ' is'} held, by an open flag or an "
            "administrator. Decide the flags and release the holds first."
        )
