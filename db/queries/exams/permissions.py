"""Permissions of teachers for exams that they did not create.

Never changes permissions for anyone but the creator of the exam and administrators.
"""

from uuid import UUID

import msgspec
from sqlalchemy import delete, exists, select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, NotFound
from db.models import Exam, ExamEnrollment, TeacherExamPermission, User
from db.queries import access
from db.queries.exams import rosters
from protocol.roles import Permission, Role
from protocol.text.names import canonical_username


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """The permissions of one teacher. What is not named is not permitted."""

    can_view: bool = False
    can_edit: bool = False
    can_invigilate: bool = False
    can_review: bool = False
    can_view_analytics: bool = False


class Grantee(Grants, frozen=True, kw_only=True):
    """One teacher with permissions."""

    teacher_id: UUID
    username: str
    name: str


_GRANTS = tuple(getattr(TeacherExamPermission, permission) for permission in Permission)


async def list_grantees(
    conn: AsyncConnection, exam_id: UUID, user_id: UUID, *, after: str | None = None, limit: int = 50
) -> list[Grantee]:
    """List the teachers with permissions for an exam, by username, after `after`. Raises NotFound and Forbidden."""
    await access.require_creator(conn, exam_id, user_id)
    found = await conn.execute(
        select(User.id.label("teacher_id"), User.username, User.full_name.label("name"), *_GRANTS)
        .join(TeacherExamPermission, TeacherExamPermission.teacher_id == User.id)
        .where(
            TeacherExamPermission.exam_id == exam_id,
            true() if after is None else User.username > after,
        )
        .order_by(User.username)
        .limit(limit)
    )
    return [Grantee(**row) for row in found.mappings()]


async def grant(conn: AsyncConnection, exam_id: UUID, user_id: UUID, username: str, grants: Grants) -> Grantee:
    """Set the permissions of a teacher.

    Raises NotFound, also for an unknown teacher, Forbidden, and Conflict for the creator, who may do everything, and
    for candidates of the exam.
    """
    await access.require_creator(conn, exam_id, user_id)
    found = await conn.execute(
        select(User.id, User.username, User.full_name, (Exam.creator_id == User.id).label("is_maker"))
        .join(Exam, Exam.id == exam_id)
        .where(User.username == canonical_username(username), User.role == Role.TEACHER, User.is_active)
    )
    teacher = found.one_or_none()
    if teacher is None:
        raise NotFound(f"There is no teacher {username}.")
    if teacher.is_maker:
        raise Conflict(f"{teacher.username} created this exam and has all permissions.")
    await rosters.lock(conn, exam_id)
    is_candidate = exists().where(
        ExamEnrollment.exam_id == exam_id,
        ExamEnrollment.student_id == teacher.id,
        ExamEnrollment.removed_at.is_(None),
    )
    if (await conn.execute(select(is_candidate))).scalar_one():
        raise Conflict(f"{teacher.username} takes this exam. Remove the account from the roster first.")
    granted = msgspec.structs.asdict(grants)
    await conn.execute(
        postgresql.insert(TeacherExamPermission)
        .values(exam_id=exam_id, teacher_id=teacher.id, **granted)
        .on_conflict_do_update(index_elements=["exam_id", "teacher_id"], set_=granted)
    )
    return Grantee(teacher_id=teacher.id, username=teacher.username, name=teacher.full_name, **granted)


async def withdraw(conn: AsyncConnection, exam_id: UUID, user_id: UUID, username: str) -> UUID:
    """Remove all permissions of a teacher; return the teacher.

    Raises NotFound, also without permissions, and Forbidden.
    """
    await access.require_creator(conn, exam_id, user_id)
    withdrawn = await conn.execute(
        delete(TeacherExamPermission)
        .where(
            TeacherExamPermission.exam_id == exam_id,
            TeacherExamPermission.teacher_id == User.id,
            User.username == canonical_username(username),
        )
        .returning(TeacherExamPermission.teacher_id)
    )
    teacher_id: UUID | None = withdrawn.scalar_one_or_none()
    if teacher_id is None:
        raise NotFound(f"{username} has no permissions for this exam.")
    return teacher_id
