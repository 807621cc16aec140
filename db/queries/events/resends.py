"""Numbers that were sent again, compared with what is stored under them; nothing stored is ever changed here."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.events.system_events import ServerEvent, append_events
from protocol.events import MARKER_EVENTS, Entry

# A place without content of the client's on either side has nothing to compare: tombstones and spans are left out
# here, and a number inside a stored span has no row. The CASE keeps a payload that is no jsonb from being cast.
_DIFFERING: Final = text(
    """
    SELECT sent.seq
    FROM unnest(CAST(:seqs AS bigint[]), CAST(:types AS text[]), CAST(:ats AS bigint[]), CAST(:monos AS bigint[]),
                CAST(:severities AS text[]), CAST(:payloads AS text[]))
         AS sent (seq, type, at, mono, severity, payload)
    JOIN monitoring_events AS kept ON kept.stream_id = :stream_id AND kept.seq = sent.seq
    WHERE CASE WHEN kept.event_type IN ('rejected', 'events_lost', 'stream_closed') THEN false
               WHEN kept.event_type <> sent.type OR kept.mono <> sent.mono THEN true
               ELSE extract(epoch FROM kept.client_timestamp) * 1000 <> sent.at
                    OR kept.severity IS DISTINCT FROM sent.severity
                    OR kept.data_payload IS DISTINCT FROM CAST(sent.payload AS jsonb) END
    ORDER BY sent.seq
    """
)
_TOLD: Final = text(
    """
    SELECT DISTINCT CAST(told.seq AS bigint)
    FROM event_streams AS stream
    JOIN monitoring_events AS fact ON fact.stream_id = stream.id AND fact.event_type = 'altered_resend'
    CROSS JOIN LATERAL jsonb_array_elements_text(fact.data_payload -> 'seqs') AS told (seq)
    WHERE stream.attempt_id = :attempt_id AND stream.kind = 'system' AND fact.data_payload ->> 'stream' = :stream
    """
)
# Whoever compares a stream waits here for whoever does so at the same moment, so that no number is told twice.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('resend:' || :stream, 0))")


async def record_altered_resends(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry]
) -> list[int]:
    """Which of these numbers are stored with another content and were not told before; they are appended as a fact."""
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
    told = set((await conn.execute(_TOLD, {"attempt_id": attempt_id, "stream": str(stream_id)})).scalars())
    new = [seq for seq in differing if seq not in told]
    if new:
        await append_events(conn, attempt_id, [ServerEvent("altered_resend", {"stream": str(stream_id), "seqs": new})])
    return new
