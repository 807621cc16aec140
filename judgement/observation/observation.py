"""What a server observed of one attempt, folded from its events: when events arrived, and what is missing in between.

Observed time is measured by the server's clock alone: what a client says about its own time never makes it longer. Pure
and bounded in size; the same events in the same order give the same result, for any split into batches. It raises no
flags, and nothing here is a student's fault (docs/scores.md has worked examples).
"""

from typing import Final
from uuid import UUID

import msgspec

from judgement.observation.clock import (
    FLOW_MS,
    ClockBreach,
    StreamClock,
    begin_clock,
    follow_clock,
)
from protocol.events import RESERVED_EVENTS, SERVER_LOST, StoredEvent

SPANS: Final = 512
"""With more spans than this, those two with the least time between them become one."""

CLOCKS: Final = 16
"""The clocks of so many streams are followed: those with the newest events."""

MISSING_MS: Final = 60_000
"""So much time before and after a sign of missing events is unobserved: nothing tells when they happened."""

_MARKERS: Final = frozenset({"events_lost", "stream_abandoned"})


class Span(msgspec.Struct, array_like=True):
    """A span of time from one server time to another, both in ms."""

    from_ms: int
    to_ms: int


class Observation(msgspec.Struct):
    """What was observed after `events` events of an attempt were folded.

    `seen` are the spans in which events of clients arrived, in order: each one at most 15 s after the one before.
    `unobserved` are spans that do not count although events arrived: events are missing there, or a clock was wrong.
    `clocks` are those of the streams with the newest events, by stream.
    """

    events: int = 0
    seen: list[Span] = []
    unobserved: list[Span] = []
    clocks: dict[UUID, StreamClock] = {}

    @property
    def last_ms(self) -> int | None:
        """When the newest event of a client arrived."""
        return self.seen[-1].to_ms if self.seen else None


class _Lost(msgspec.Struct):
    """Payload of `events_lost`."""

    reason: str = ""


class _Abandoned(msgspec.Struct):
    """Payload of `stream_abandoned`."""

    stream: UUID


_read_lost: Final = msgspec.json.Decoder(_Lost).decode
_read_abandoned: Final = msgspec.json.Decoder(_Abandoned).decode


def observe(observation: Observation, event: StoredEvent) -> ClockBreach | None:
    """Fold the next event into `observation`, in place. Return the clock fault that it shows, if it is a new one.

    Accepts any event and never raises.
    """
    observation.events += 1
    if event.type in RESERVED_EVENTS:
        if event.type in _MARKERS:
            _note_missing(observation, event)
        return None
    server_ms = event.server_ms
    seen = observation.seen
    if seen and seen[-1].from_ms <= server_ms <= seen[-1].to_ms + FLOW_MS:
        if server_ms > seen[-1].to_ms:
            seen[-1].to_ms = server_ms
    else:
        add_span(seen, server_ms, server_ms, FLOW_MS)
    lag = server_ms - event.time_ms
    clock = observation.clocks.get(event.stream_id)
    if clock is None:
        clock = _follow_stream(observation, event.stream_id, server_ms, lag)
    fault = follow_clock(clock, server_ms, lag)
    if clock.fault is not None:
        add_span(observation.unobserved, clock.right_ms, max(server_ms, clock.right_ms))
        if fault is not None:
            return ClockBreach(event.stream_id, clock.right_ms, clock.last_ms, fault)
    return None


def add_span(spans: list[Span], from_ms: int, to_ms: int, gap_ms: int = 0) -> None:
    """Add a span to spans in order. Spans that are at most `gap_ms` apart become one; at most `SPANS` are kept."""
    first = len(spans)
    while first and spans[first - 1].to_ms + gap_ms >= from_ms:
        first -= 1
    last = first
    while last < len(spans) and spans[last].from_ms <= to_ms + gap_ms:
        from_ms, to_ms = min(from_ms, spans[last].from_ms), max(to_ms, spans[last].to_ms)
        last += 1
    spans[first:last] = [Span(from_ms, to_ms)]
    if len(spans) > SPANS:
        nearest = min(range(len(spans) - 1), key=lambda n: spans[n + 1].from_ms - spans[n].to_ms)
        spans[nearest : nearest + 2] = [Span(spans[nearest].from_ms, spans[nearest + 1].to_ms)]


def _follow_stream(observation: Observation, stream_id: UUID, server_ms: int, lag: int) -> StreamClock:
    """Begin the clock of a stream. Time of a stream before it does not count if it was too short to check its clock.

    Else a client with a wrong clock could begin one stream after the other.
    """
    clocks = observation.clocks
    before = max(clocks.values(), key=lambda known: known.last_ms, default=None)
    if before is not None and before.is_unchecked:
        add_span(observation.unobserved, before.begun_ms, max(server_ms, before.begun_ms))
    if len(clocks) >= CLOCKS:
        del clocks[min(clocks, key=lambda known: (clocks[known].last_ms, known.int))]
    clocks[stream_id] = clock = begin_clock(server_ms, lag, before)
    return clock


def _note_missing(observation: Observation, event: StoredEvent) -> None:
    """Leave out the time around events that never arrived: from the last event of their stream on, at least."""
    stream_id, is_proven = event.stream_id, False
    try:
        if event.type == "stream_abandoned":
            stream_id = _read_abandoned(event.data).stream
        else:
            is_proven = _read_lost(event.data).reason == SERVER_LOST
    except (msgspec.DecodeError, UnicodeError):
        pass
    clock = observation.clocks.get(stream_id)
    from_ms = event.server_ms if clock is None else min(clock.last_ms, event.server_ms)
    around_ms = 0 if is_proven else MISSING_MS
    add_span(observation.unobserved, min(from_ms, event.server_ms - around_ms), event.server_ms + around_ms)
