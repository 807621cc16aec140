"""Exams: create, read, edit and publish.

Never returns an exam that the user may not see: the queries contain the access check. Rosters, items, policies and
permissions have their own modules.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.errors import Conflict
from db.models import Exam, ExamAttempt, ExamCount, ExamPolicy, FeedHead
from db.queries import access, feed
from protocol.attempts import RUNNING, ExamKind
from protocol.roles import Permission, Role


class ExamView(msgspec.Struct, frozen=True, kw_only=True):
    """One exam as teachers see it, with the permissions of the user who reads it; times in ms since the epoch.

    `version` counts edits; an edit names the version that it is based on. `max_score` and `passing_score` are in points
    of the newest items.
    """

    exam_id: UUID
    title: str
    subject: str
    topic: str
    description: str
    duration_minutes: int
    max_score: float
    passing_score: float
    opens_at: int | None
    closes_at: int | None
    is_published: bool
    enable_monitoring: bool
    enable_model: bool
    kind: ExamKind
    version: int
    items_version: int
    policy_version: int
    results_released_at: int | None
    created_at: int
    permissions: list[Permission]
    roster_size: int
    running_attempts: int


class LockedExam(msgspec.Struct, frozen=True):
    """The stored values that an edit must be consistent with. The exam is locked until COMMIT."""

    version: int
    is_published: bool
    opens_at: datetime | None
    closes_at: datetime | None
    passing_score: float
    results_released_at: datetime | None


_MOMENTS: Final = ("opens_at", "closes_at", "results_released_at", "created_at")


def _counted(column: InstrumentedAttribute[int]) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(column), 0)).where(ExamCount.exam_id == Exam.id).correlate(Exam).scalar_subquery()
    )


_RUNNING: Final = (
    select(func.count())
    .where(ExamAttempt.exam_id == Exam.id, ExamAttempt.status.in_(RUNNING))
    .correlate(Exam)
    .scalar_subquery()
)
_POLICY_VERSION: Final = (
    select(func.max(ExamPolicy.version)).where(ExamPolicy.exam_id == Exam.id).correlate(Exam).scalar_subquery()
)


async def create_exam(conn: AsyncConnection, *, creator_id: UUID, policy: dict[str, Any], **values: Any) -> UUID:
    """Create an exam with its first policy version and its feed. `values` are columns of `exams`."""
    exam_id = uuid7()
    await conn.execute(insert(Exam).values(id=exam_id, creator_id=creator_id, **values))
    await conn.execute(insert(ExamPolicy).values(id=uuid7(), exam_id=exam_id, version=1, settings=policy))
    await feed.create_feed(conn, exam_id)
    return exam_id


async def read_exam(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> ExamView:
    """Read an exam for which the user has any permission. Raises NotFound."""
    row = (await conn.execute(_select_view(user_id).where(Exam.id == exam_id))).one_or_none()
    return await access.raise_refusal(conn, exam_id, user_id, *access.ANY) if row is None else _view(row)


async def list_visible(
    conn: AsyncConnection, *, user_id: UUID, role: Role, after: UUID | None = None, limit: int = 50
) -> list[ExamView]:
    """List the exams for which the user has any permission, the newest first, before the exam `after`."""
    older = true() if after is None else Exam.id < after
    # Limits the search to the teacher's own and permitted exams, for speed; `permits` decides about access.
    near = true() if role is Role.ADMIN else Exam.id.in_(access.near(user_id))
    found = await conn.execute(_select_view(user_id).where(older, near).order_by(Exam.id.desc()).limit(limit))
    return [_view(row) for row in found]


async def lock_exam(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> LockedExam:
    """Lock an exam that the user may edit, until COMMIT. Raises NotFound and Forbidden."""
    found = await conn.execute(
        select(
            Exam.version,
            Exam.is_published,
            Exam.opens_at,
            Exam.closes_at,
            Exam.passing_score,
            Exam.results_released_at,
        )
        .where(Exam.id == exam_id, access.permits(user_id, Permission.EDIT))
        .with_for_update(key_share=True, of=Exam)
    )
    row = found.one_or_none()
    if row is None:
        await access.raise_refusal(conn, exam_id, user_id, Permission.EDIT)
    return LockedExam(*row)


async def change_exam(conn: AsyncConnection, exam_id: UUID, values: Mapping[str, Any]) -> None:
    """Change a locked exam and increase its version."""
    await conn.execute(update(Exam).where(Exam.id == exam_id).values(version=Exam.version + 1, **values))


async def publish_exam(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> bool:
    """Publish an exam for the students on its roster. False: it was published before. Raises NotFound and Forbidden."""
    if (await lock_exam(conn, exam_id, user_id)).is_published:
        return False
    await change_exam(conn, exam_id, {"is_published": True})
    return True


async def unpublish_exam(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> bool:
    """Hide an exam from students. False: it was hidden.

    Raises NotFound, Forbidden, and Conflict while attempts are running.
    """
    if not (await lock_exam(conn, exam_id, user_id)).is_published:
        return False
    # Attempts start under this lock, so none starts while the running ones are counted.
    await conn.execute(select(FeedHead.head).where(FeedHead.exam_id == exam_id).with_for_update())
    running: int = (await conn.execute(select(_RUNNING).where(Exam.id == exam_id))).scalar_one()
    if running:
        raise Conflict(
            f"You cannot unpublish the exam now: {running} attempt{'s are' if running > 1 else ' is'} running."
        )
    await change_exam(conn, exam_id, {"is_published": False})
    return True


async def release_results(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> bool:
    """Release results to students. False: they were released before. Raises NotFound and Forbidden."""
    await lock_exam(conn, exam_id, user_id)
    released = await conn.execute(
        update(Exam)
        .where(Exam.id == exam_id, Exam.results_released_at.is_(None))
        .values(results_released_at=func.now(), version=Exam.version + 1)
        .returning(Exam.id)
    )
    return released.one_or_none() is not None


def _select_view(user_id: UUID) -> Select[Any]:
    permitted: list[ColumnElement[Any]] = [
        access.permits(user_id, permission).label(permission) for permission in Permission
    ]
    return select(
        Exam,
        _POLICY_VERSION.label("policy_version"),
        _counted(ExamCount.roster).label("roster_size"),
        _counted(ExamCount.running).label("running_attempts"),
        *permitted,
    ).where(access.permits(user_id, *access.ANY), Exam.deleting_at.is_(None))


def _view(row: Any) -> ExamView:
    shown = row._mapping
    named = {name: shown[name] for name in ExamView.__struct_fields__ if name in shown}
    moments = {name: None if shown[name] is None else to_ms(shown[name]) for name in _MOMENTS}
    permissions = [permission for permission in Permission if shown[permission]]
    return ExamView(exam_id=row.id, permissions=permissions, **{**named, **moments, "kind": ExamKind(row.kind)})
