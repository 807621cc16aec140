"""Read revisions of answers from events, as columns for one INSERT.

Pure. An event whose payload does not fit is stored like any other event, but is no revision. Does not grade answers.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec

from protocol.events import Answered, DraftSaved, Entry

TYPES: Final = ("answered", "draft_saved")

Columns = tuple[list[UUID], list[int], list[int], list[str], list[str]]
"""Streams, numbers, `mono`, items, and values as JSON text."""

_encode: Final = msgspec.json.Encoder().encode
_PAYLOADS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "answered": msgspec.json.Decoder(Answered),
    "draft_saved": msgspec.json.Decoder(DraftSaved),
}


def read_answers(rows: Iterable[tuple[UUID, Entry]]) -> Columns:
    """Return the revisions among these events."""
    columns: Columns = ([], [], [], [], [])
    for stream_id, entry in rows:
        answer = _read(entry)
        if answer is not None:
            for column, value in zip(columns, (stream_id, entry.seq, entry.mono, *answer), strict=True):
                column.append(value)  # type: ignore[attr-defined]
    return columns


def _read(entry: Entry) -> tuple[str, str] | None:
    decoder = _PAYLOADS.get(entry.type)
    if decoder is None:
        return None
    try:
        answer = decoder.decode(entry.payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    value = bytes(answer.value) if isinstance(answer, Answered) else _encode(answer.text)
    return answer.item, value.decode()
