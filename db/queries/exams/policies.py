"""Policies: the rule settings of an exam, in immutable versions.

Never changes the policy of an attempt: it keeps the version that it started with.
"""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.errors import Conflict
from db.models import Exam, ExamPolicy
from db.queries import access
from protocol.roles import Permission

SEEN_BY = (Permission.VIEW, Permission.EDIT, Permission.REVIEW)
"""Any of these permissions allows reading the policy."""


class PolicyVersion(msgspec.Struct, frozen=True):
    """One version of the rule settings of an exam, as stored."""

    version: int
    settings: dict[str, Any]


async def read_newest_policy(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> PolicyVersion:
    """Read the newest policy of an exam. Raises NotFound and Forbidden."""
    found = await conn.execute(
        select(ExamPolicy.version, ExamPolicy.settings)
        .join(Exam, Exam.id == ExamPolicy.exam_id)
        .where(Exam.id == exam_id, access.permits(user_id, *SEEN_BY))
        .order_by(ExamPolicy.version.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return (
        await access.raise_refusal(conn, exam_id, user_id, *SEEN_BY)
        if row is None
        else PolicyVersion(row.version, row.settings)
    )


async def replace_policy(
    conn: AsyncConnection, exam_id: UUID, user_id: UUID, settings: dict[str, Any], *, seen: int | None = None
) -> int:
    """Add the next version of the policy, for attempts that start later; return the version.

    Raises NotFound, Forbidden, and Conflict when `seen` is given and is not the newest version.
    """
    changed = await conn.execute(
        update(Exam)
        .where(Exam.id == exam_id, access.permits(user_id, Permission.EDIT))
        .values(version=Exam.version + 1)
        .returning(Exam.id)
    )
    if changed.one_or_none() is None:
        await access.raise_refusal(conn, exam_id, user_id, Permission.EDIT)
    # Read after the exam is locked, so that two writers follow each other.
    newest = await conn.execute(
        select(func.coalesce(func.max(ExamPolicy.version), 0)).where(ExamPolicy.exam_id == exam_id)
    )
    version: int = newest.scalar_one()
    if seen not in (None, version):
        raise Conflict(f"The policy has changed since you opened it (version {version}). Reload and try again.")
    await conn.execute(insert(ExamPolicy).values(id=uuid7(), exam_id=exam_id, version=version + 1, settings=settings))
    return version + 1
