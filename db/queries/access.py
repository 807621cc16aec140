"""Access to exams: the condition in every query about an exam, an attempt or a flag.

Administrators and the creator of an exam may do everything. Other teachers may do what they were permitted for this
exam. Students, services and deactivated accounts have no access here. Never reveals that something exists to a user who
may not see it.
"""

from typing import Any, Final, Never
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from db.errors import Forbidden, NotFound
from db.models import Exam, ExamAttempt, Flag, TeacherExamPermission, User
from protocol.roles import Permission, Role

_COLUMNS: dict[Permission, InstrumentedAttribute[bool]] = {
    Permission.VIEW: TeacherExamPermission.can_view,
    Permission.EDIT: TeacherExamPermission.can_edit,
    Permission.INVIGILATE: TeacherExamPermission.can_invigilate,
    Permission.REVIEW: TeacherExamPermission.can_review,
    Permission.VIEW_ANALYTICS: TeacherExamPermission.can_view_analytics,
}

UserId = UUID | BindParameter[UUID]
"""The user, or a parameter in a statement that is built once for all users."""

ANY = tuple(Permission)
"""For actions that need any permission at all, such as seeing the title of an exam."""


def permits(user_id: UserId, *any_of: Permission) -> ColumnElement[bool]:
    """Return the condition on `Exam` that this user has one of these permissions. The query must select from `Exam`.

    Without permissions, only the creator and administrators pass.
    """
    # Correlated explicitly: SQLAlchemy correlates with the next outer query only, which would match any exam.
    return (
        exists()
        .where(User.id == user_id, User.is_active, or_(User.role == Role.ADMIN, _by_teacher(user_id, any_of)))
        .correlate(Exam)
    )


def near(user_id: UserId) -> Select[UUID]:
    """Select the exams that a teacher has made or has a permission for. For speed: `permits` decides about access."""
    permitted = select(TeacherExamPermission.exam_id).where(TeacherExamPermission.teacher_id == user_id)
    made = select(Exam.id.label("exam_id")).where(Exam.creator_id == user_id)
    return select(union_all(permitted, made).subquery("near").c.exam_id)


async def require(conn: AsyncConnection, exam_id: UUID, user_id: UUID, *any_of: Permission) -> None:
    """Raise NotFound when the user may not see this exam, Forbidden when the user has none of these permissions."""
    await _require(conn, _HELD, exam_id, user_id, any_of, "exam")


async def require_for_attempt(conn: AsyncConnection, attempt_id: UUID, user_id: UUID, *any_of: Permission) -> UUID:
    """Return the exam of an attempt. Raises NotFound when the user may not see it, Forbidden without a permission."""
    return await _require(conn, _HELD_OF_ATTEMPT, attempt_id, user_id, any_of, "attempt")


async def require_for_flag(conn: AsyncConnection, flag_id: UUID, user_id: UUID, *any_of: Permission) -> UUID:
    """Return the exam of a flag. Raises NotFound when the user may not see it, Forbidden without a permission."""
    return await _require(conn, _HELD_OF_FLAG, flag_id, user_id, any_of, "flag")


async def raise_refusal(conn: AsyncConnection, exam_id: UUID, user_id: UUID, *any_of: Permission) -> Never:
    """Raise NotFound or Forbidden after a query with `permits` found no exam."""
    await require(conn, exam_id, user_id, *any_of)
    # It was created, or permitted, after that query.
    raise NotFound(f"There is no exam {exam_id} that you can see.")


async def require_creator(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> None:
    """Raise NotFound when the user may not see this exam, Forbidden for other teachers than its creator."""
    if not await is_permitted(conn, exam_id, user_id):
        if await is_permitted(conn, exam_id, user_id, *ANY):
            raise Forbidden("Only the creator of the exam and administrators can do this.")
        raise NotFound(f"There is no exam {exam_id} that you can see.")


async def is_permitted(conn: AsyncConnection, exam_id: UUID, user_id: UUID, *any_of: Permission) -> bool:
    """Return whether this user has one of these permissions for this exam."""
    found = await conn.execute(select(exists().where(Exam.id == exam_id, permits(user_id, *any_of))))
    return bool(found.scalar_one())


async def list_permissions(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> list[Permission]:
    """List all permissions of this user for this exam."""
    row = (await conn.execute(_HELD, {"thing": exam_id, "user": user_id})).one_or_none()
    return [] if row is None else [permission for permission, permitted in zip(ANY, row[1:], strict=True) if permitted]


async def _require(
    conn: AsyncConnection,
    statement: Select[*tuple[Any, ...]],
    target: UUID,
    user_id: UUID,
    any_of: tuple[Permission, ...],
    kind: str,
) -> UUID:
    row = (await conn.execute(statement, {"thing": target, "user": user_id})).one_or_none()
    columns = () if row is None else zip(ANY, row[1:], strict=True)
    permitted = {permission for permission, is_permitted in columns if is_permitted}
    if row is None or not permitted:
        raise NotFound(f"There is no {kind} {target} that you can see.")
    if not permitted & set(any_of):
        raise Forbidden(f"You need the permission {' or '.join(any_of)} for this.")
    exam_id: UUID = row[0]
    return exam_id


def _by_teacher(user_id: UserId, any_of: tuple[Permission, ...]) -> ColumnElement[bool]:
    granted = (
        exists()
        .where(
            TeacherExamPermission.exam_id == Exam.id,
            TeacherExamPermission.teacher_id == user_id,
            or_(false(), *(_COLUMNS[permission] for permission in any_of)),
        )
        .correlate(Exam)
    )
    return and_(User.role == Role.TEACHER, or_(Exam.creator_id == user_id, granted))


# Built once: building these statements took half the time of a check.
_USER: Final = bindparam("user", type_=Uuid)
_THING: Final = bindparam("thing", type_=Uuid)
_held: Final = select(Exam.id, *(permits(_USER, permission).label(permission) for permission in ANY))
_HELD: Final = _held.where(Exam.id == _THING)
_held_of_attempt: Final = _held.join(ExamAttempt, ExamAttempt.exam_id == Exam.id)
_HELD_OF_ATTEMPT: Final = _held_of_attempt.where(ExamAttempt.id == _THING)
_HELD_OF_FLAG: Final = _held_of_attempt.join(Flag, Flag.attempt_id == ExamAttempt.id).where(Flag.id == _THING)
