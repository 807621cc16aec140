"""The order in which the events of an attempt are folded: each stream by its numbers, the streams by time of storage.

Pure: takes what was read from PostgreSQL, and returns what to fold and to store. Does not interpret events.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

import msgspec

from protocol.events import StoredEvent


class StreamClaim(msgspec.Struct, frozen=True):
    """One stream of a claimed attempt, `client` or `system`. All its events up to `position` are folded."""

    stream_id: UUID
    kind: str
    time_base: int
    position: int


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Events of one stream that were folded one after the other: the numbers `first` to `last`."""

    stream_id: UUID
    first: int
    last: int


class _LostSpan(msgspec.Struct):
    """Payload of `events_lost`: the first number of the span."""

    first: int = msgspec.field(name="from")


_decode_lost: Final = msgspec.json.Decoder(_LostSpan).decode


def follows(event: StoredEvent, expected: int) -> bool:
    """Return whether an event leaves out no number when `expected` is the next number of its stream.

    An `events_lost` covers every number from its `from` to its own.
    """
    if event.type == "events_lost":
        return _decode_lost(event.data).first <= expected <= event.seq
    return event.seq == expected


def until_hole(stream: StreamClaim, events: Sequence[StoredEvent]) -> tuple[Sequence[StoredEvent], int | None]:
    """Return the events that follow the position of a stream without a hole, and the first missing number, if any."""
    expected = stream.position + 1
    for index, event in enumerate(events):
        if not follows(event, expected):
            return events[:index], expected
        expected = event.seq + 1
    return events, None


def interleave(streams: Sequence[Sequence[StoredEvent]], most: int) -> list[StoredEvent]:
    """Merge the streams of one attempt by the time when PostgreSQL stored their events, each stream by its numbers.

    `most` is the limit per stream of the read. A stream that reached it may have more events, so the merge ends there,
    and later events of other streams wait for the next read.
    """
    busy = [events for events in streams if events]
    if len(busy) == 1:
        return list(busy[0])
    timed = [list(_seen(events, n)) for n, events in enumerate(busy)]
    horizon = min((part[-1][0] for part in timed if len(part) >= most), default=None)
    merged = heapq.merge(*timed, key=lambda timed_event: timed_event[:3])
    return [event for seen_ms, _, _, event in merged if horizon is None or seen_ms <= horizon]


def runs_of(events: Sequence[StoredEvent], last: Run | None) -> list[Run]:
    """Write the order of events as runs. The first run extends `last` when both are of the same stream."""
    runs = []
    for stream_id, group in groupby(events, attrgetter("stream_id")):
        numbers = [event.seq for event in group]
        runs.append(Run(stream_id, numbers[0], numbers[-1]))
    if runs and last is not None and runs[0].stream_id == last.stream_id:
        runs[0] = Run(last.stream_id, last.first, runs[0].last)
    return runs


def last_folded(order: Sequence[Run], streams: Mapping[UUID, Sequence[StoredEvent]], count: int) -> list[StoredEvent]:
    """Return the last `count` events of a fold order, in that order; fewer when some are no longer stored.

    `streams` has the last folded events of each stream, by number: `count` of them, or all.
    """
    left = {stream_id: list(events) for stream_id, events in streams.items()}
    found: list[StoredEvent] = []
    for run in reversed(order):
        of_stream = left.get(run.stream_id, [])
        while of_stream and of_stream[-1].seq >= run.first and len(found) < count:
            found.append(of_stream.pop())
        if len(found) == count:
            break
    found.reverse()
    return found


def _seen(events: Iterable[StoredEvent], n: int) -> Iterable[tuple[int, int, int, StoredEvent]]:
    """Yield each event with its time of storage, which is never earlier than that of the event before it."""
    seen_ms = 0
    for event in events:
        seen_ms = max(seen_ms, event.server_ms)
        yield seen_ms, n, event.seq, event
