"""Drafts and pastes of one attempt, in the order of rule time.

Never interprets them.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.analysis import Draft, PastedText
from protocol.events import Paste

DRAFTS_MAX: Final = 1_000
PASTES_MAX: Final = 10_000
"""The last drafts and pastes of an attempt are read. A draft has up to 32 KiB."""

T = TypeVar("T")


class _SavedDraft(msgspec.Struct, frozen=True):
    """The payload of a `draft_saved` that is a draft."""

    item: str
    text: str


async def read_drafts(conn: AsyncConnection, attempt_id: UUID, most: int = DRAFTS_MAX) -> list[Draft]:
    """Read the last drafts of an attempt. Payloads that do not fit are skipped."""
    rows = await _read(conn, attempt_id, "draft_saved", most)
    return [Draft(saved.item, saved.text, at_ms) for at_ms, saved in _fitting(rows, _SavedDraft)]


async def read_pastes(conn: AsyncConnection, attempt_id: UUID, most: int = PASTES_MAX) -> list[PastedText]:
    """Read the last pastes of an attempt. Payloads that do not fit are skipped."""
    rows = await _read(conn, attempt_id, "paste", most)
    return [PastedText(paste.item, paste.chars, at_ms) for at_ms, paste in _fitting(rows, Paste)]


# Reads along each stream's key, so that only the partitions of these streams are read.
_LAST: Final = (
    text(
        """
        SELECT stream.time_base + event.mono AS at_ms, event.data_payload
        FROM event_streams AS stream
        CROSS JOIN LATERAL (
            SELECT mono, seq, data_payload FROM monitoring_events
            WHERE stream_id = stream.id AND event_type = :type
        ) AS event
        WHERE stream.attempt_id = :attempt AND stream.kind = 'client'
        ORDER BY at_ms DESC, stream.id DESC, event.seq DESC
        LIMIT :most
        """
    )
    .bindparams(bindparam("attempt", type_=PG_UUID))
    .columns(data_payload=JSONB)
)


async def _read(conn: AsyncConnection, attempt_id: UUID, event_type: str, most: int) -> list[tuple[int, Any]]:
    found = await conn.execute(_LAST, {"attempt": attempt_id, "type": event_type, "most": most})
    return [(row.at_ms, row.data_payload) for row in reversed(found.all())]


def _fitting(rows: Iterable[tuple[int, Any]], shape: type[T]) -> Iterable[tuple[int, T]]:
    for at_ms, payload in rows:
        try:
            yield at_ms, msgspec.convert(payload, shape)
        except msgspec.ValidationError:
            continue
