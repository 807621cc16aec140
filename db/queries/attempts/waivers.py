"""Allow a student to read the paper of a monitored exam although no client of the attempt can connect.

Never ends or starts anything, and never hides that nothing was observed.
"""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict, NotFound
from db.models import Exam, ExamAttempt
from db.queries.console.board import read_attempt_row
from db.queries.events.system_events import ServerEvent, append_events
from protocol.attempts import RUNNING
from protocol.console import AttemptRow


async def waive_stream(
    conn: AsyncConnection, attempt_id: UUID, exam_id: UUID, *, reason: str, actor_id: UUID
) -> AttemptRow | None:
    """Waive the connection of a running attempt. Returns its row for the feed; None if it was waived before.

    Raises NotFound when the attempt does not belong to the exam, Conflict when it has ended or is not monitored.
    """
    found = await conn.execute(
        select(ExamAttempt.status, ExamAttempt.waived_at, Exam.enable_monitoring)
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .where(ExamAttempt.id == attempt_id, ExamAttempt.exam_id == exam_id)
        .with_for_update(key_share=True, of=ExamAttempt)
    )
    attempt = found.one_or_none()
    if attempt is None:
        raise NotFound("This attempt does not belong to the exam.")
    if attempt.status not in RUNNING:
        raise Conflict("The attempt has already ended.")
    if not attempt.enable_monitoring:
        raise Conflict("This exam is not monitored: its paper needs no connection.")
    if attempt.waived_at is not None:
        return None
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt_id).values(waived_at=func.now()))
    await append_events(conn, attempt_id, [ServerEvent("stream_waived", {"reason": reason, "by": str(actor_id)})])
    return await read_attempt_row(conn, attempt_id)
