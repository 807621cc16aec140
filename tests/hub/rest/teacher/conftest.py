"""An exam for review: attempts with events and flags, and teachers with some permissions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog, ExamAttempt, TeacherExamPermission
from db.queries.evaluation import flags
from db.queries.evaluation.flags import EventId, NewFlag
from protocol.flags import Severity
from protocol.roles import Permission, Role
from tests.factories import (
    make_attempt,
    make_connection,
    make_exam,
    make_stream,
    make_user,
    observe_throughout,
    store_events,
)
from tests.hub.conftest import Caller, Users

HubTopic = tuple[str, dict[str, Any], int]

EVENTS: list[HubTopic] = [
    ("window_blur", {}, 1_000),
    ("alive", {}, 10_000),
    ("alive", {}, 22_000),
    ("window_focus", {}, 23_000),
    ("paste", {"chars": 400}, 25_000),
]


def user_id_of(caller: Caller) -> UUID:
    return UUID(caller.tokens["user"]["id"])


class Classroom:
    """One exam and its creator. Each method commits."""

    def __init__(self, engine: AsyncEngine, users: Users, teacher: Caller, exam_id: UUID) -> None:
        self.engine = engine
        self.users = users
        self.teacher = teacher
        self.exam_id = exam_id

    async def start_attempt(
        self, name: str = "Ada Example", *, exam_id: UUID | None = None, student: UUID | None = None
    ) -> UUID:
        """Start an attempt of a student."""
        async with self.engine.begin() as conn:
            student = student or await make_user(conn, name=name)
            return await make_attempt(conn, exam_id or self.exam_id, student)

    async def record(self, attempt_id: UUID, events: Sequence[HubTopic] = EVENTS) -> UUID:
        """Store events of a client; return the stream."""
        async with self.engine.begin() as conn:
            stream_id = await make_stream(conn, attempt_id)
            await store_events(conn, stream_id, events)
            return stream_id

    async def connect(self, attempt_id: UUID) -> None:
        """Record that a client was connected all the time, and that its events arrived."""
        async with self.engine.begin() as conn:
            await make_connection(conn, attempt_id, await make_stream(conn, attempt_id))
            await observe_throughout(conn, attempt_id)

    async def flag(
        self,
        attempt_id: UUID,
        *cited: EventId,
        rule: str = "left_page",
        severity: Severity = Severity.WARNING,
        summary: str = "Away from the page for at least 21.0 s (limit 20 s).",
    ) -> UUID:
        """Raise a flag of a rule."""
        new = NewFlag(
            attempt_id=attempt_id,
            rule=rule,
            rule_version=1,
            policy_version=1,
            episode_key=str(uuid4()),
            severity=severity,
            confidence=0.8,
            summary=summary,
            numbers={"away_s": 21.0},
            cited=cited,
        )
        async with self.engine.begin() as conn:
            (row,) = await flags.raise_flags(conn, [new])
        return row.flag_id

    async def end(self, attempt_id: UUID, **reached: Any) -> None:
        """End the attempt with these columns."""
        values = {"status": "submitted", "completed_at": func.now(), **reached}
        async with self.engine.begin() as conn:
            await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt_id).values(**values))

    async def make_exam(self, maker: Caller) -> UUID:
        async with self.engine.begin() as conn:
            return await make_exam(conn, user_id_of(maker))

    async def teacher_with(self, *permissions: Permission, name: str = "helper") -> Caller:
        """Create another teacher with these permissions."""
        caller = await self.users.make(Role.TEACHER, name)
        if permissions:
            async with self.engine.begin() as conn:
                await conn.execute(
                    insert(TeacherExamPermission).values(
                        exam_id=self.exam_id,
                        teacher_id=user_id_of(caller),
                        **{permission.value: True for permission in permissions},
                    )
                )
        return caller

    async def audit_rows(self, action: str) -> list[tuple[UUID | None, str]]:
        """Return the actor and the resource of each audit row with this action."""
        async with self.engine.connect() as conn:
            found = await conn.execute(
                select(AuditLog.actor_id, AuditLog.resource_id).where(AuditLog.action == action).order_by(AuditLog.id)
            )
            return [(row.actor_id, row.resource_id) for row in found]

    async def check_permissions(self, path: str, *, without: Sequence[Permission], **params: object) -> None:
        """Check that a path needs one of these permissions.

        403 with others, 404 without any, 403 for students, 401 without a sign-in.
        """
        others = [permission for permission in Permission if permission not in without]
        some = await self.teacher_with(*others, name=f"some-{uuid4()}")
        none = await self.teacher_with(name=f"none-{uuid4()}")
        student = await self.users.make(Role.STUDENT, f"student-{uuid4()}")
        answers = [await caller.get(path, **params) for caller in (some, none, student, self.users.anonymous)]
        assert [answer.status_code for answer in answers] == [403, 404, 403, 401], path


async def make_classroom(engine: AsyncEngine, users: Users) -> Classroom:
    teacher = await users.make(Role.TEACHER, "teacher")
    async with engine.begin() as conn:
        exam_id = await make_exam(conn, user_id_of(teacher))
    return Classroom(engine, users, teacher, exam_id)


@pytest.fixture
async def classroom(engine: AsyncEngine, users: Users) -> Classroom:
    return await make_classroom(engine, users)
