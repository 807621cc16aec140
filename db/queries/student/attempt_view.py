"""An attempt as its student sees it: items, answers, and the time left.

Never reads an answer key, and never an attempt of another student: every query has the owner as a condition.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Boolean, Row, Uuid, and_, bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import Connection, EventStream, Exam, ExamAttempt, ExamEnrollment, ExamItem, MonitoringEvent
from db.queries.attempts import answers
from db.queries.attempts.answers import LateAnswer, Revision
from db.queries.attempts.end import Receipt
from protocol.attempts import OVER, RUNNING, AttemptStatus, ItemKind

_needs_stream: Final = and_(
    Exam.enable_monitoring,
    ExamAttempt.status.in_(RUNNING),
    ExamAttempt.waived_at.is_(None),
    ~exists().where(Connection.attempt_id == ExamAttempt.id, Connection.closed_at.is_(None)),
)

_is_on_roster: Final = (
    exists()
    .where(
        ExamEnrollment.exam_id == ExamAttempt.exam_id,
        ExamEnrollment.student_id == ExamAttempt.student_id,
        ExamEnrollment.removed_at.is_(None),
    )
    .correlate(ExamAttempt)
)
_only_exam: Final = bindparam("owner_exam", type_=Uuid)
OWNED: Final = and_(
    ExamAttempt.student_id == bindparam("owner"),
    or_(_only_exam.is_(None), ExamAttempt.exam_id == _only_exam),
    or_(ExamAttempt.status.in_(OVER), and_(bindparam("owner_may_sit", type_=Boolean), _is_on_roster)),
)
"""The condition on `ExamAttempt` that it belongs to an `Owner`, whose `parameters` it takes.

Statements with it are built once: when a whole hall asks, building them costs more than running them.
"""


class Owner(msgspec.Struct, frozen=True):
    """The student who reads attempts. After a sign-in with an exam code, only those of that exam.

    A student who was taken off the roster, or may not sit exams, can read only attempts that have ended.
    """

    student_id: UUID
    only_exam: UUID | None = None
    may_sit: bool = True
    """Whether the sign-in proves who sits an exam: the password of an account that its user made does not."""

    def parameters(self) -> dict[str, object]:
        """Return the parameters of `OWNED`."""
        return {"owner": self.student_id, "owner_exam": self.only_exam, "owner_may_sit": self.may_sit}


class PaperItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item as the student sees it."""

    item: str
    kind: ItemKind
    prompt: str
    choices: list[str]
    points: float


class PaperExam(msgspec.Struct, frozen=True, kw_only=True):
    """The exam of an attempt, as its student sees it."""

    exam_id: UUID
    title: str
    subject: str
    topic: str
    description: str
    duration_minutes: int
    monitored: bool


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt with all that the student needs to continue on any device; times in ms since the epoch.

    `needs_stream`: it runs at a monitored exam, no client of it is connected and no invigilator has waived that. Then
    it has neither items nor answers.
    """

    attempt_id: UUID
    exam: PaperExam
    status: AttemptStatus
    server_at: int
    started_at: int
    deadline: int | None
    completed_at: int | None
    items: list[PaperItem]
    answers: Mapping[str, Revision]
    late: list[LateAnswer]
    receipt: Receipt | None
    needs_stream: bool = False

    @property
    def is_watched(self) -> bool:
        """Return whether reading the paper now is recorded."""
        return self.exam.monitored and self.status in RUNNING and not self.needs_stream


_VIEW: Final = (
    select(
        ExamAttempt.status,
        ExamAttempt.items_version,
        ExamAttempt.started_at,
        ExamAttempt.deadline,
        ExamAttempt.completed_at,
        ExamAttempt.receipt,
        Exam.id.label("exam_id"),
        Exam.title,
        Exam.subject,
        Exam.topic,
        Exam.description,
        Exam.duration_minutes,
        Exam.enable_monitoring,
        _needs_stream.label("needs_stream"),
        func.clock_timestamp().label("now"),
    )
    .join(Exam, Exam.id == ExamAttempt.exam_id)
    .where(ExamAttempt.id == bindparam("attempt"), OWNED)
)
_SUBMITTER: Final = (
    select(Exam.id, Exam.enable_monitoring, ExamAttempt.generation, ExamAttempt.waived_at)
    .join(Exam, Exam.id == ExamAttempt.exam_id)
    .where(ExamAttempt.id == bindparam("attempt"), OWNED)
)
_ITEM_NAMES: Final = (
    select(ExamItem.item)
    .select_from(ExamAttempt)
    .outerjoin(ExamItem, and_(ExamItem.exam_id == ExamAttempt.exam_id, ExamItem.version == ExamAttempt.items_version))
    .where(ExamAttempt.id == bindparam("attempt"), OWNED)
)


async def read_attempt_view(conn: AsyncConnection, attempt_id: UUID, owner: Owner) -> Paper:
    """Read an attempt of its owner. Raises NotFound."""
    row = (await conn.execute(_VIEW, {"attempt": attempt_id, **owner.parameters()})).one_or_none()
    if row is None:
        raise NotFound(f"You have no attempt {attempt_id}.")
    return Paper(
        attempt_id=attempt_id,
        exam=_exam(row),
        status=AttemptStatus(row.status),
        server_at=to_ms(row.now),
        started_at=to_ms(row.started_at),
        deadline=_ms(row.deadline),
        completed_at=_ms(row.completed_at),
        items=[] if row.needs_stream else await _read_items(conn, row.exam_id, row.items_version),
        answers={} if row.needs_stream else await answers.read_current_answers(conn, attempt_id),
        late=[] if row.completed_at is None else await answers.list_late_answers(conn, attempt_id),
        receipt=None if row.receipt is None else msgspec.convert(row.receipt, Receipt),
        needs_stream=row.needs_stream,
    )


class Submitter(msgspec.Struct, frozen=True):
    """What a submission must know about its attempt: its exam, and whether it is monitored.

    `is_unobserved`: monitored, no client of it ever connected, and no invigilator has waived that.
    """

    exam_id: UUID
    is_monitored: bool
    is_unobserved: bool


async def read_submitter(conn: AsyncConnection, attempt_id: UUID, owner: Owner) -> Submitter:
    """Read what a submission must know about an attempt of its owner. Raises NotFound."""
    row = (await conn.execute(_SUBMITTER, {"attempt": attempt_id, **owner.parameters()})).one_or_none()
    if row is None:
        raise NotFound(f"You have no attempt {attempt_id}.")
    is_unobserved = row.enable_monitoring and row.generation == 0 and row.waived_at is None
    return Submitter(row.id, row.enable_monitoring, is_unobserved)


async def list_item_names(conn: AsyncConnection, attempt_id: UUID, owner: Owner) -> set[str]:
    """List the items of an attempt of its owner. Raises NotFound."""
    found = await conn.execute(_ITEM_NAMES, {"attempt": attempt_id, **owner.parameters()})
    names = list(found.scalars())
    if not names:
        raise NotFound(f"You have no attempt {attempt_id}.")
    return {name for name in names if name is not None}


async def is_stored(conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, seq: int) -> bool:
    """Return whether a stream is stored up to this number; also True for a stream of another attempt."""
    last = (
        select(func.coalesce(func.max(MonitoringEvent.seq), 0))
        .where(MonitoringEvent.stream_id == EventStream.id)
        .scalar_subquery()
    )
    found = await conn.execute(
        select(last >= seq).where(EventStream.id == stream_id, EventStream.attempt_id == attempt_id)
    )
    stored: bool | None = found.scalar_one_or_none()
    return stored is not False


async def _read_items(conn: AsyncConnection, exam_id: UUID, version: int) -> list[PaperItem]:
    """Read the items without their keys."""
    found = await conn.execute(
        select(ExamItem.item, ExamItem.kind, ExamItem.prompt, ExamItem.choices, ExamItem.points)
        .where(ExamItem.exam_id == exam_id, ExamItem.version == version)
        .order_by(ExamItem.position)
    )
    return [
        PaperItem(item=row.item, kind=ItemKind(row.kind), prompt=row.prompt, choices=row.choices, points=row.points)
        for row in found
    ]


def _exam(row: Row[*tuple[Any, ...]]) -> PaperExam:
    return PaperExam(
        exam_id=row.exam_id,
        title=row.title,
        subject=row.subject,
        topic=row.topic,
        description=row.description,
        duration_minutes=row.duration_minutes,
        monitored=row.enable_monitoring,
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
