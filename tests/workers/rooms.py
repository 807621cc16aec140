"""Attempts whose events wait for evaluation."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AnalysisCursor, EventStream, Flag, MonitoringEvent
from db.notify import Notifier
from db.partitions import first_id
from protocol.roles import Role
from tests.factories import make_attempt, make_connection, make_exam, make_stream, make_user, store_events
from tests.seeded_attempts import SeededAttempt
from workers.jobs.evaluate import Evaluator

EventSpec = tuple[str, dict[str, Any], int]
"""One event: type, data, mono in ms."""

AWAY: list[EventSpec] = [
    ("window_blur", {}, 1_000),
    ("alive", {}, 10_000),
    ("alive", {}, 22_000),
    ("window_focus", {}, 23_000),
]
"""One episode of the rule `left_page`: away at once for longer than 20 s."""


class Room:
    """Makes attempts, stores events and reads the results, each in its own transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def add_attempts(
        self, students: int = 1, *, policy: dict[str, Any] | None = None, is_connected: bool = True
    ) -> list[SeededAttempt]:
        """Add attempts with clients that are connected from the start."""
        async with self.engine.begin() as conn:
            teacher_id = await make_user(conn, role=Role.TEACHER)
            exam_id = await make_exam(conn, teacher_id, policy=policy)
            student_ids = [await make_user(conn) for _ in range(students)]
            attempts = [(student_id, await make_attempt(conn, exam_id, student_id)) for student_id in student_ids]
            seeded_attempts = [
                SeededAttempt(teacher_id, exam_id, student_id, attempt_id, await make_stream(conn, attempt_id))
                for student_id, attempt_id in attempts
            ]
            for seeded in seeded_attempts if is_connected else ():
                await make_connection(conn, seeded.attempt_id, seeded.stream_id)
            return seeded_attempts

    async def store(self, seeded: SeededAttempt, events: list[EventSpec]) -> None:
        async with self.engine.begin() as conn:
            await store_events(conn, seeded.stream_id, events)

    async def open_before(self, seeded: SeededAttempt, days: int, events: list[EventSpec]) -> None:
        """Give the attempt a stream that was opened so many days ago, with these events."""
        old = UUID(int=first_id(datetime.now(UTC) - timedelta(days=days, hours=6)).int + uuid4().int % 2**64)
        async with self.engine.begin() as conn:
            stream_id = await make_stream(conn, seeded.attempt_id)
            await conn.execute(update(EventStream).where(EventStream.id == stream_id).values(id=old))
            await store_events(conn, old, events)

    async def age(self, seeded: SeededAttempt, seconds: int = 60) -> None:
        """Make every stored event of the attempt's client older."""
        async with self.engine.begin() as conn:
            await conn.execute(
                update(MonitoringEvent)
                .where(MonitoringEvent.stream_id == seeded.stream_id)
                .values(server_timestamp=func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
            )

    async def count_flags(self, attempt_id: UUID | None = None) -> int:
        async with self.engine.connect() as conn:
            counted = select(func.count()).select_from(Flag)
            if attempt_id is not None:
                counted = counted.where(Flag.attempt_id == attempt_id)
            return (await conn.execute(counted)).scalar_one()

    async def count_folded(self, attempt_id: UUID) -> int:
        async with self.engine.connect() as conn:
            found = await conn.execute(select(AnalysisCursor.facts).where(AnalysisCursor.attempt_id == attempt_id))
            return found.scalar_one()


async def break_checkpoint(engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt) -> None:
    """Let another worker fold what is stored, and break the state that it leaves."""
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(
            update(AnalysisCursor).where(AnalysisCursor.attempt_id == seeded.attempt_id).values(state=b"\xc1")
        )
