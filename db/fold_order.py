"""The order in which one attempt's facts are folded: each stream by its numbers, the streams as they were first seen.

Pure: what was read from PostgreSQL comes in, what is to be folded and stored goes out. What follows from a fact is
not looked at here.
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
    """One stream of a claimed attempt, `client` or `system`: all its facts up to `position` are folded."""

    stream_id: UUID
    kind: str
    time_base: int
    position: int


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Facts of one stream that were folded one after the other: those numbered `first` to `last`."""

    stream_id: UUID
    first: int
    last: int


class _Lost(msgspec.Struct):
    """Payload of `events_lost`: the first number it stands for."""

    first: int = msgspec.field(name="from")


_decode_lost: Final = msgspec.json.Decoder(_Lost).decode


def follows(fact: StoredEvent, expected: int) -> bool:
    """Tell whether a fact leaves no number out when `expected` is the next one of its stream.

    An `events_lost` stands for every number from its `from` to its own.
    """
    if fact.type == "events_lost":
        return _decode_lost(fact.data).first <= expected <= fact.seq
    return fact.seq == expected


def until_hole(stream: StreamClaim, facts: Sequence[StoredEvent]) -> tuple[Sequence[StoredEvent], int | None]:
    """Take the facts that follow the stream's position without a hole; and the first missing number if there is one."""
    expected = stream.position + 1
    for index, fact in enumerate(facts):
        if not follows(fact, expected):
            return facts[:index], expected
        expected = fact.seq + 1
    return facts, None


def interleave(streams: Sequence[Sequence[StoredEvent]], most: int) -> list[StoredEvent]:
    """Merge one attempt's streams in the order PostgreSQL first saw their facts, each stream by its numbers.

    `most` is how many facts were read of a stream at most: one that has as many may have more, so it ends the merge
    where it ends, and what other streams have after that waits for the next reading.
    """
    busy = [facts for facts in streams if facts]
    if len(busy) == 1:
        return list(busy[0])
    timed = [list(_seen(facts, n)) for n, facts in enumerate(busy)]
    horizon = min((part[-1][0] for part in timed if len(part) >= most), default=None)
    merged = heapq.merge(*timed, key=lambda one: one[:3])
    return [fact for seen_ms, _, _, fact in merged if horizon is None or seen_ms <= horizon]


def runs_of(facts: Sequence[StoredEvent], last: Run | None) -> list[Run]:
    """Write an order of facts down as runs; the first one continues `last` when it is of the same stream."""
    runs = []
    for stream_id, group in groupby(facts, attrgetter("stream_id")):
        numbers = [fact.seq for fact in group]
        runs.append(Run(stream_id, numbers[0], numbers[-1]))
    if runs and last is not None and runs[0].stream_id == last.stream_id:
        runs[0] = Run(last.stream_id, last.first, runs[0].last)
    return runs


def last_folded(order: Sequence[Run], streams: Mapping[UUID, Sequence[StoredEvent]], count: int) -> list[StoredEvent]:
    """Give the last `count` facts of a fold order, in that order; fewer when they are no longer there.

    `streams` has the last folded facts of each stream, by number: `count` of them, or all there are.
    """
    left = {stream_id: list(facts) for stream_id, facts in streams.items()}
    found: list[StoredEvent] = []
    for run in reversed(order):
        of_stream = left.get(run.stream_id, [])
        while of_stream and of_stream[-1].seq >= run.first and len(found) < count:
            found.append(of_stream.pop())
        if len(found) == count:
            break
    found.reverse()
    return found


def _seen(facts: Iterable[StoredEvent], n: int) -> Iterable[tuple[int, int, int, StoredEvent]]:
    """Say when each fact was seen: not before the one it follows, even if its transaction began earlier."""
    seen_ms = 0
    for fact in facts:
        seen_ms = max(seen_ms, fact.server_ms)
        yield seen_ms, n, fact.seq, fact
