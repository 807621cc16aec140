"""Compare resent events with the stored ones, and record differences.

Never changes stored events.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.events.system_events import ServerEvent, append_events
from protocol.events import MARKER_EVENTS, Entry

# Markers (tombstones, lost spans) have no content of the client to compare, and a number inside a lost span has no
# row. The CASE avoids a cast of payloads that are not valid jsonb.
_DIFFERING: Final = text(
    """
    SELECT sent.seq
    FROM unnest(CAST(:seqs AS bigint[]), CAST(:types AS text[]), CAST(:ats AS bigint[]), CAST(:monos AS bigint[]),
                CAST(:severities AS text[]), CAST(:payloads AS text[]))
         AS sent (seq, type, at, mono, severity, payload)
    JOIN monitoring_events AS stored ON stored.stream_id = :stream_id AND stored.seq = sent.seq
    WHERE CASE WHEN stored.event_type IN ('rejected', 'events_lost', 'stream_closed') THEN false
               WHEN stored.event_type <> sent.type OR stored.mono <> sent.mono THEN true
               ELSE extract(epoch FROM stored.client_timestamp) * 1000 <> sent.at
                    OR stored.severity IS DISTINCT FROM sent.severity
                    OR stored.data_payload IS DISTINCT FROM CAST(sent.payload AS jsonb) END
    ORDER BY sent.seq
    """
)
_RECORDED: Final = text(
    """
    SELECT DISTINCT CAST(recorded.seq AS bigint)
    FROM event_streams AS stream
    JOIN monitoring_events AS event ON event.stream_id = stream.id AND event.event_type = 'altered_resend'
    CROSS JOIN LATERAL jsonb_array_elements_text(event.data_payload -> 'seqs') AS recorded (seq)
    WHERE stream.attempt_id = :attempt_id AND stream.kind = 'system' AND event.data_payload ->> 'stream' = :stream
    """
)
# One comparison of a stream at a time, so that no number is recorded twice.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('resend:' || :stream, 0))")


async def record_altered_resends(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry]
) -> list[int]:
    """Record which of these events are stored with different content, and return their numbers.

    Numbers that were recorded before are left out.
    """
    sent = [entry for entry in entries if entry.type not in MARKER_EVENTS]
    if not sent:
        return []
    found = await conn.execute(
        _DIFFERING,
        {
            "stream_id": stream_id,
            "seqs": [entry.seq for entry in sent],
            "types": [entry.type for entry in sent],
            "ats": [entry.at for entry in sent],
            "monos": [entry.mono for entry in sent],
            "severities": [entry.severity for entry in sent],
            "payloads": [entry.payload for entry in sent],
        },
    )
    differing = list(found.scalars())
    if not differing:
        return []
    await conn.execute(_LOCK, {"stream": str(stream_id)})
    recorded = set((await conn.execute(_RECORDED, {"attempt_id": attempt_id, "stream": str(stream_id)})).scalars())
    new = [seq for seq in differing if seq not in recorded]
    if new:
        await append_events(conn, attempt_id, [ServerEvent("altered_resend", {"stream": str(stream_id), "seqs": new})])
    return new
