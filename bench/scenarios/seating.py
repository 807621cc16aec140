"""Many running attempts of one exam within a second: one is started through the API, the others copy its rows.

Sign-in is measured by another scenario; the others only need its result. Never part of a deployment.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
from uuid_utils.compat import uuid7

from bench.load.crowd import CrowdSeat
from bench.scenarios.stack import RunningStack
from hub.auth.tickets import draw_secret, hash_secret
from hub.auth.tokens import make_claims, sign
from protocol.roles import Role
from veritas.rest import Rest, UserSession
from veritas.simulation.students import make_roster

VALID: Final = timedelta(minutes=60)

_COPY_ROWS: Final = (
    """INSERT INTO users SELECT (jsonb_populate_record(old, jsonb_build_object(
        'id', new.student, 'username', 'seat-' || new.student, 'email', NULL))).*
       FROM exam_attempts AS first JOIN users AS old ON old.id = first.student_id, new_seats AS new
       WHERE first.id = $1""",
    """INSERT INTO exam_enrollments SELECT (jsonb_populate_record(old,
        jsonb_build_object('student_id', new.student))).*
       FROM exam_attempts AS first JOIN exam_enrollments AS old USING (exam_id, student_id), new_seats AS new
       WHERE first.id = $1""",
    """INSERT INTO exam_attempts SELECT (jsonb_populate_record(old,
        jsonb_build_object('id', new.attempt, 'student_id', new.student, 'ix', new.ix))).*
       FROM exam_attempts AS old, new_seats AS new WHERE old.id = $1""",
    """INSERT INTO analysis_cursors (attempt_id) SELECT attempt FROM new_seats WHERE $1::uuid IS NOT NULL""",
    """INSERT INTO event_streams SELECT (jsonb_populate_record(old,
        jsonb_build_object('id', new.stream, 'attempt_id', new.attempt))).*
       FROM event_streams AS old, new_seats AS new WHERE old.attempt_id = $1""",
    """INSERT INTO monitoring_events SELECT (jsonb_populate_record(old,
        jsonb_build_object('stream_id', new.stream))).*
       FROM monitoring_events AS old JOIN event_streams AS streams ON streams.id = old.stream_id, new_seats AS new
       WHERE streams.attempt_id = $1""",
)


class SeatedExam(msgspec.Struct, frozen=True):
    """An exam with running attempts: the seats with their tickets, and an access token of each student."""

    exam_id: UUID
    seats: list[CrowdSeat]
    tokens: list[str]
    spare_codes: list[str]

    @property
    def attempts(self) -> list[UUID]:
        """All attempts."""
        return [seat.attempt_id for seat in self.seats]


async def seat_students(
    stack: RunningStack, rest: Rest, teacher: UserSession, size: int, *, tickets: int = 1, spare: int = 0
) -> SeatedExam:
    """Create an exam with `size` running attempts, and `spare` students who have not signed in."""
    exam_id = await teacher.create_exam("bench", duration_minutes=600, preset="browser")
    enrolled = await teacher.extend_roster(exam_id, make_roster(1 + spare))
    session = await rest.sign_in_by_code(enrolled[0].code)
    first = await session.start(exam_id)
    new = [(uuid7(), uuid7(), uuid7(), ix) for ix in range(2, size + 1)]
    students = [enrolled[0].student_id] + [student for student, *_ in new]
    attempts = [first] + [attempt for _, attempt, *_ in new]
    conn = await asyncpg.connect(stack.environment.servers.admin_url)
    try:
        async with conn.transaction():
            await conn.execute("CREATE TEMP TABLE new_seats (student uuid, attempt uuid, stream uuid, ix int)")
            await conn.copy_records_to_table("new_seats", records=new)
            for statement in _COPY_ROWS:
                await conn.execute(statement, first)
            sessions, secrets = await _sign_in(conn, students, exam_id, tickets)
            await conn.execute("DROP TABLE new_seats")
        await conn.execute("ANALYZE")
    finally:
        await conn.close()
    now_ms = time.time_ns() // 1_000_000
    keys = stack.settings.keys
    tokens = [
        sign(make_claims(student, Role.STUDENT, "bench", session_id, now_ms=now_ms, exam_id=exam_id), keys)
        for student, session_id in zip(students, sessions, strict=True)
    ]
    seats = [CrowdSeat(attempt_id, own) for attempt_id, own in zip(attempts, secrets, strict=True)]
    return SeatedExam(exam_id, seats, tokens, [student.code for student in enrolled[1:]])


async def _sign_in(
    conn: asyncpg.Connection, students: Sequence[UUID], exam_id: UUID, tickets: int
) -> tuple[list[UUID], list[list[str]]]:
    until = datetime.now(UTC) + VALID
    sessions = [uuid4() for _ in students]
    secrets = [[draw_secret() for _ in range(tickets)] for _ in students]
    await conn.copy_records_to_table(
        "sessions",
        columns=["id", "user_id", "exam_id", "ends_at"],
        records=[(session, student, exam_id, until) for session, student in zip(sessions, students, strict=True)],
    )
    await conn.copy_records_to_table(
        "ws_tickets",
        columns=["hash", "user_id", "purpose", "session", "expires_at"],
        records=[
            (hash_secret(secret), student, "monitor", session, until)
            for session, student, own in zip(sessions, students, secrets, strict=True)
            for secret in own
        ],
    )
    return sessions, secrets
