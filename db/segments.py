"""Compare batches with the stored head of their stream: which numbers are missing, known, or would leave a hole.

Pure. A stream is stored without holes up to its head, so every number up to the head is known and every number after it
is missing. A segment that begins after the next number is not stored at all.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from protocol.events import Batch, Entry, lost_entry

_SPAN = "events_lost"


class Segment(msgspec.Struct, frozen=True, gc=False):
    """Contiguous numbers of one stream, from `first_seq` to the number of the last entry."""

    stream_id: UUID
    first_seq: int
    entries: tuple[Entry, ...]


class SplitSegments(msgspec.Struct, frozen=True):
    """Segments to store, segments that are stored already, and the streams that would get a hole."""

    missing: list[Segment]
    known: list[Segment]
    holes: frozenset[UUID]


class _Lost(msgspec.Struct):
    """Payload of `events_lost`."""

    first: int = msgspec.field(name="from")
    reason: str = ""


_decode_lost = msgspec.json.Decoder(_Lost).decode


def make_segment(stream_id: UUID, batch: Batch) -> Segment:
    """Turn a batch into rows to store. A span of several lost numbers becomes two rows: its first number, and the rest.

    So the first number of each span has its own row. A late batch of an older session begins with the number after the
    last one that its session saw stored: it always meets a row there, and the unique key refuses it
    (docs/decisions/0013-late-writers-cannot-overlap.md).
    """
    entries = batch.entries
    if len(entries) != batch.last_seq - batch.first_seq + 1:
        entries = tuple(row for entry in entries for row in _two_rows(entry))
    return Segment(stream_id, batch.first_seq, entries)


def split_segments(segments: Sequence[Segment], heads: Mapping[UUID, int]) -> SplitSegments:
    """Split segments at the heads of their streams. They come in the order of stream and number.

    A lost span that begins at or before the head keeps only the numbers after it.
    """
    reached = dict(heads)
    split = SplitSegments([], [], frozenset())
    holes = set()
    for segment in segments:
        head = reached.get(segment.stream_id, 0)
        if segment.first_seq > head + 1:
            holes.add(segment.stream_id)
            continue
        known = tuple(entry for entry in segment.entries if entry.seq <= head)
        missing = tuple(row for entry in segment.entries[len(known) :] for row in _after(entry, head))
        if known:
            split.known.append(Segment(segment.stream_id, segment.first_seq, known))
        if missing:
            split.missing.append(Segment(segment.stream_id, head + 1, missing))
            reached[segment.stream_id] = missing[-1].seq
    return SplitSegments(split.missing, split.known, frozenset(holes))


def _two_rows(entry: Entry) -> tuple[Entry, ...]:
    if entry.type != _SPAN:
        return (entry,)
    lost = _decode_lost(entry.payload)
    if lost.first >= entry.seq:
        return (entry,)
    return lost_entry(lost.first, lost.first, lost.reason), lost_entry(lost.first + 1, entry.seq, lost.reason)


def _after(entry: Entry, head: int) -> tuple[Entry, ...]:
    """Return the rows for what is missing of an entry. The first number after the head gets its own row."""
    if entry.type != _SPAN:
        return (entry,)
    lost = _decode_lost(entry.payload)
    return (entry,) if lost.first > head + 1 else _two_rows(lost_entry(head + 1, entry.seq, lost.reason))
