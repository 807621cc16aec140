"""What a monitored attempt records about where it is read and answered: places are keyed hashes (`hub/auth/guards.py`).

Two readers at once become visible here. Never decides who is right: a student may change the machine or the network.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Connection, Exam, ExamAttempt
from db.queries.events.system_events import ServerEvent, append_events, append_to_each
from protocol.attempts import RUNNING

READ_EVERY_S: Final = 60
"""Reading the paper again from the same place is recorded at most this often."""

_RUNNING: Final = (
    select(ExamAttempt.id)
    .join(Exam, Exam.id == ExamAttempt.exam_id)
    .where(
        ExamAttempt.student_id == bindparam("student"),
        ExamAttempt.status.in_(RUNNING),
        Exam.enable_monitoring,
    )
    .order_by(ExamAttempt.id)
)
_OPEN: Final = (
    select(Connection.place)
    .where(Connection.attempt_id == bindparam("attempt"), Connection.closed_at.is_(None))
    .order_by(Connection.generation.desc())
    .limit(1)
)
_OPEN_OF_EACH: Final = (
    select(Connection.attempt_id, Connection.place)
    .where(
        Connection.attempt_id == any_(bindparam("attempts", type_=ARRAY(Uuid))),
        Connection.closed_at.is_(None),
    )
    .ext(distinct_on(Connection.attempt_id))
    .order_by(Connection.attempt_id, Connection.generation.desc())
)
_RECORDED: Final = text(
    """
    SELECT event.event_type
    FROM event_streams AS stream
    JOIN monitoring_events AS event ON event.stream_id = stream.id
    WHERE stream.attempt_id = :attempt AND stream.kind = 'system' AND event.event_type = :kind
      AND event.data_payload ->> 'place' = :place
      AND event.server_timestamp > now() - :every_s * interval '1 second'
    LIMIT 1
    """
).bindparams(bindparam("attempt", type_=Uuid))


async def list_running(conn: AsyncConnection, student_id: UUID, only_exam: UUID | None) -> list[UUID]:
    """List the running attempts of a student at monitored exams, of all exams or of one."""
    query = _RUNNING if only_exam is None else _RUNNING.where(ExamAttempt.exam_id == only_exam)
    return list((await conn.execute(query, {"student": student_id})).scalars())


async def is_read_recorded(conn: AsyncConnection, attempt_id: UUID, place: str, *, every_s: int = READ_EVERY_S) -> bool:
    """Return whether reading the paper from this place was recorded a short time ago."""
    return await _is_recorded(conn, attempt_id, "paper_read", place, every_s)


async def _is_recorded(conn: AsyncConnection, attempt_id: UUID, kind: str, place: str, every_s: int) -> bool:
    found = await conn.execute(_RECORDED, {"attempt": attempt_id, "kind": kind, "place": place, "every_s": every_s})
    return found.first() is not None


async def record_read(conn: AsyncConnection, attempt_id: UUID, place: str) -> None:
    """Record that the paper was read, and that another place is connected, if one is."""
    other = await _find_other_place(conn, attempt_id, place)
    await append_events(conn, attempt_id, [ServerEvent("paper_read", {"place": place}), *other])


async def record_submissions(conn: AsyncConnection, submitted: Mapping[UUID, str]) -> None:
    """Record which attempts were submitted from another place than the one that is connected."""
    if not submitted:
        return
    found = await conn.execute(_OPEN_OF_EACH, {"attempts": list(submitted)})
    others = {row.attempt_id: _second_place(row.place, submitted[row.attempt_id]) for row in found}
    await append_to_each(conn, {attempt_id: others[attempt_id] for attempt_id in sorted(others) if others[attempt_id]})


async def record_answers(conn: AsyncConnection, attempt_id: UUID, place: str) -> None:
    """Record that answers were delivered from another place than the one that is connected, once a minute and place."""
    other = await _find_other_place(conn, attempt_id, place)
    if other and not await _is_recorded(conn, attempt_id, "second_place", place, READ_EVERY_S):
        await append_events(conn, attempt_id, other)


async def record_sign_in(conn: AsyncConnection, attempt_id: UUID, by: str, place: str) -> None:
    """Record that the student signed in while the attempt runs."""
    await append_events(conn, attempt_id, [ServerEvent("signed_in", {"by": by, "place": place})])


async def _find_other_place(conn: AsyncConnection, attempt_id: UUID, place: str) -> list[ServerEvent]:
    """Return the event of a second place: one while the attempt's connection is open from another. Else nothing."""
    connected = (await conn.execute(_OPEN, {"attempt": attempt_id})).scalar_one_or_none()
    return _second_place(connected, place)


def _second_place(connected: str | None, place: str) -> list[ServerEvent]:
    if connected is None or connected == place:
        return []
    return [ServerEvent("second_place", {"place": place, "was": connected})]
