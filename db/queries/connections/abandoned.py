"""Find queues that clients left without closing them: a hello with another boot came, and the old stream just ends.

What such a queue still held is unknown. A change of machine looks the same, so this proves nothing about the student.
Never changes a stream.
"""

from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.connections.resume import CLOSED
from protocol.codes import CloseCode


class AbandonedStream(msgspec.Struct, frozen=True):
    """A client's stream that ends without an end: its last stored number."""

    stream_id: UUID
    seq: int


# A queue is drained when its client said `bye`, or when the hub knew that nothing was missing. A stream whose queue
# continues in a newer one is not abandoned. Each stream is named once.
_FIND: Final = text(
    """
    SELECT stream.id, coalesce(head.seq, 0) AS seq
    FROM event_streams AS stream
    LEFT JOIN LATERAL (
        SELECT seq, event_type FROM monitoring_events WHERE stream_id = stream.id ORDER BY seq DESC LIMIT 1
    ) AS head ON true
    LEFT JOIN LATERAL (
        SELECT cause FROM connections WHERE attempt_id = stream.attempt_id AND stream_id = stream.id
        ORDER BY generation DESC LIMIT 1
    ) AS newest ON true
    WHERE stream.attempt_id = :attempt AND stream.kind = 'client' AND stream.boot <> :boot
      AND head.event_type IS DISTINCT FROM :closed
      AND (newest.cause IS NULL OR newest.cause NOT IN (:normal, :ended))
      AND NOT EXISTS (
          SELECT FROM event_streams AS later
          WHERE later.attempt_id = stream.attempt_id AND later.boot = stream.boot AND later.id > stream.id
      )
      AND NOT EXISTS (
          SELECT FROM event_streams AS system
          JOIN monitoring_events AS event ON event.stream_id = system.id AND event.event_type = 'stream_abandoned'
          WHERE system.attempt_id = stream.attempt_id AND system.kind = 'system'
            AND event.data_payload ->> 'stream' = CAST(stream.id AS text)
      )
    ORDER BY stream.id
    """
).bindparams(
    bindparam("attempt", type_=Uuid),
    bindparam("boot", type_=Uuid),
    bindparam("closed", CLOSED, Text),
    bindparam("normal", CloseCode.NORMAL.reason, Text),
    bindparam("ended", CloseCode.ENDED.reason, Text),
)


async def find_abandoned(conn: AsyncConnection, attempt_id: UUID, boot: UUID) -> list[AbandonedStream]:
    """Return the streams of an attempt that other queues than `boot` have left open, and that no event names yet."""
    found = await conn.execute(_FIND, {"attempt": attempt_id, "boot": boot})
    return [AbandonedStream(row.id, row.seq) for row in found]
