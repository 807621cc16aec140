"""Encode segments of events in PostgreSQL's binary COPY format.

Pure. The driver's own encoder takes three times as long (docs/decisions/0014-our-own-copy-encoder.md). Only the event
table is encoded here; a test reads generated events back from a real PostgreSQL.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from db.segments import Segment

COLUMNS: Final = ("stream_id", "seq", "mono", "client_timestamp", "event_type", "severity", "data_payload")
"""The columns of a row, in the order in which they are written."""

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_UNIX_TO_2000_MS: Final = 946_684_800_000
_JSONB_VERSION: Final = 1

# Each value follows its length. Numbers and times have eight bytes; a null has the length -1.
_fixed = Struct(">hi16siqiqiqi").pack
_null_then_jsonb = Struct(">iiB").pack
_length = Struct(">i").pack
_jsonb = Struct(">iB").pack


def encode(segments: Sequence[Segment]) -> bytes:
    """Encode all rows of these segments.

    Raises struct.error, OverflowError or UnicodeError for a value that no column can hold.
    """
    parts = [_SIGNATURE]
    put = parts.append
    for segment in segments:
        stream = segment.stream_id.bytes
        for entry in segment.entries:
            kind = entry.type.encode()
            payload = entry.payload.encode()
            at_us = (entry.at - _UNIX_TO_2000_MS) * 1000
            put(_fixed(len(COLUMNS), 16, stream, 8, entry.seq, 8, entry.mono, 8, at_us, len(kind)))
            put(kind)
            if entry.severity is None:
                put(_null_then_jsonb(-1, len(payload) + 1, _JSONB_VERSION))
            else:
                severity = entry.severity.encode()
                put(_length(len(severity)))
                put(severity)
                put(_jsonb(len(payload) + 1, _JSONB_VERSION))
            put(payload)
    put(_END)
    return b"".join(parts)
