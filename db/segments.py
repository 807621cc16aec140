"""The sequence law against what is stored: which places of a batch are missing, known, or would leave a hole.

Pure: heads come in, as PostgreSQL told them. Below its head a stream is tiled without holes, so everything up to the
head is known, everything after it is missing, and what starts further on is not stored at all.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from protocol.events import Batch, Entry, lost_entry

_SPAN = "events_lost"


class Segment(msgspec.Struct, frozen=True, gc=False):
    """Contiguous places of one stream, from `first_seq` to the number of the last entry."""

    stream_id: UUID
    first_seq: int
    entries: tuple[Entry, ...]


class SplitSegments(msgspec.Struct, frozen=True):
    """What is to be stored, what stands already, and the streams that would get a hole."""

    missing: list[Segment]
    known: list[Segment]
    holes: frozenset[UUID]


class _Lost(msgspec.Struct):
    first: int = msgspec.field(name="from")
    reason: str = ""


_decode_lost = msgspec.json.Decoder(_Lost).decode


def make_segment(stream_id: UUID, batch: Batch) -> Segment:
    """Make a batch ready to be stored: a span of several lost numbers becomes two rows, its first number and the rest.

    Every number that is not the first of a tile has its predecessor in the same tile; so a late batch of an older
    session, which starts one past what that session saw stored, always meets a row at its own first number, and the
    unique key stops it whichever way it comes (docs/decisions/0013).
    """
    entries = batch.entries
    if len(entries) != batch.last_seq - batch.first_seq + 1:
        entries = tuple(row for entry in entries for row in _two_rows(entry))
    return Segment(stream_id, batch.first_seq, entries)


def split_segments(stretches: Sequence[Segment], heads: Mapping[UUID, int]) -> SplitSegments:
    """Part stretches, in the order of stream and number, at their streams' heads.

    A span that begins at or before the head keeps only the numbers after it.
    """
    reached = dict(heads)
    parted = SplitSegments([], [], frozenset())
    holes = set()
    for stretch in stretches:
        head = reached.get(stretch.stream_id, 0)
        if stretch.first_seq > head + 1:
            holes.add(stretch.stream_id)
            continue
        known = tuple(entry for entry in stretch.entries if entry.seq <= head)
        missing = tuple(row for entry in stretch.entries[len(known) :] for row in _after(entry, head))
        if known:
            parted.known.append(Segment(stretch.stream_id, stretch.first_seq, known))
        if missing:
            parted.missing.append(Segment(stretch.stream_id, head + 1, missing))
            reached[stretch.stream_id] = missing[-1].seq
    return SplitSegments(parted.missing, parted.known, frozenset(holes))


def _two_rows(entry: Entry) -> tuple[Entry, ...]:
    if entry.type != _SPAN:
        return (entry,)
    lost = _decode_lost(entry.payload)
    if lost.first >= entry.seq:
        return (entry,)
    return lost_entry(lost.first, lost.first, lost.reason), lost_entry(lost.first + 1, entry.seq, lost.reason)


def _after(entry: Entry, head: int) -> tuple[Entry, ...]:
    """What a missing place still stands for; whatever follows the head has a row of its own at its first number."""
    if entry.type != _SPAN:
        return (entry,)
    lost = _decode_lost(entry.payload)
    return (entry,) if lost.first > head + 1 else _two_rows(lost_entry(head + 1, entry.seq, lost.reason))
