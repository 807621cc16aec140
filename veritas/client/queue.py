"""The candidate's queue: numbers, bounds, window, acknowledgement, resume (WIRE §2). Pure: no socket, clock or codec.

Rule 1: an event leaves the queue only when the hub has acknowledged it, that is, after it was committed; or when the
queue is full: then the oldest that was never on the wire is dropped, and said to be lost in its place.
Rule 2: numbers have no holes. What is in the queue is always `acked + 1 .. next_seq - 1`, lost numbers included.

    record ──▶ [ fresh ]──take──▶ [ known: was on the wire ]──acknowledge──▶ gone
                   │                  └── sent again from `committed + 1` after `resume`
                   └─ full ──▶ a lost span, sent as one `lost` frame
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice
from uuid import UUID

from protocol.events import Event
from protocol.limits import Limits, Window
from protocol.monitor import Events, Lost, Previous
from veritas.client.errors import HubFault

LINGER_MS = 20.0
"""How long an event waits for company while others are unacknowledged; a lone event goes at once."""

FRAME_OVERHEAD = 64
"""Bytes of an `events` frame around its events, and of a `lost` frame, at most."""

MOST_EVENTS = 100_000
MOST_BYTES = 64 * 1024 * 1024
"""How much is kept for a hub that is away: hours of a candidate's work."""

OVERFLOW = "overflow"
SERVER_LOST = "server_lost"


@dataclass(slots=True)
class _Place:
    event: Event | None
    size: int = 0
    recorded_ms: float = 0.0
    sent_ms: float | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Numbered:
    """One event and its number; or, without an event, `count` numbers up to `seq` whose events were dropped."""

    seq: int
    event: Event | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Acked(Numbered):
    """What left the queue; `waited_ms` from its first sending, None when it was sent by nobody we know."""

    stream: UUID = field(kw_only=True)
    waited_ms: float | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Renumbered:
    """The hub opened a new stream: the rest of the queue now counts from 1; `places` are what is left of it."""

    stream: UUID
    places: tuple[Numbered, ...]


class CandidateQueue:
    """What one client has recorded and the hub has not acknowledged. Times are ms of one monotonic clock."""

    def __init__(self, boot: UUID, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.boot = boot
        self.stream: UUID | None = None
        self.acked = 0
        """The highest acknowledged number of this stream."""
        self.next_seq = 1
        """The next unused number of this stream."""
        self.dropped_ever = 0
        """How many events were given up because the queue was full."""
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._known: deque[_Place] = deque()
        self._fresh: deque[_Place] = deque()
        self._events = 0
        self._bytes = 0
        self._sent_ever = 0
        self._closed_given_out = 0
        self._closed_acked = 0
        self._lost_to: int | None = None
        self._limits = Limits()
        self.disconnect()

    def __len__(self) -> int:
        """How many numbers are not acknowledged yet."""
        return self.next_seq - 1 - self.acked

    @property
    def given_out(self) -> int:
        """How many distinct (stream, number) this queue has given out, over all its streams."""
        return self._closed_given_out + self.next_seq - 1

    @property
    def acked_ever(self) -> int:
        """How many of those are acknowledged."""
        return self._closed_acked + self.acked

    @property
    def outstanding(self) -> int:
        """How many events this connection has sent and not seen acknowledged; a lost span counts as one."""
        return self._sent

    @property
    def has_rotated(self) -> bool:
        """Whether the old stream is done with: time to say hello again."""
        return self._is_rotating and self._sent == 0 and self._lost_to is None

    def record(self, event: Event, size: int, now_ms: float) -> tuple[int, list[Numbered]]:
        """Number an event of `size` encoded bytes; the number, and what had to be dropped for it, itself perhaps."""
        seq = self.next_seq
        self.next_seq += 1
        self._fresh.append(_Place(event, size, now_ms))
        self._events += 1
        self._bytes += size
        dropped: list[Numbered] = []
        # Without the new one all was within bounds: there is always an unsent event left to drop.
        while self._events > self._most_events or self._bytes > self._most_bytes:
            dropped.append(self._drop_oldest())
        return seq, dropped

    def resume(
        self,
        stream: UUID,
        committed: int,
        window: Window,
        limits: Limits,
        now_ms: float,
        previous: Previous | None = None,
    ) -> tuple[list[Acked], Renumbered | None]:
        """Go on where the hub's welcome says; what is gone left the old stream, if there is a new one.

        Raises HubFault when the hub claims what was never sent.
        """
        self.disconnect()
        gone: list[Acked] = []
        renumbered = None
        if self.stream not in (None, stream):
            gone = self._close_stream(previous, now_ms)
            renumbered = self._renumber(stream)
        self.stream = stream
        self._window = window
        self._limits = limits
        # What the hub acknowledged and then lost is ours no longer: say so, and the numbering goes on.
        if committed < self.acked:
            self._lost_to = self.acked
        return gone + self.acknowledge(committed, now_ms), renumbered

    def disconnect(self) -> None:
        """The connection is gone: nothing is outstanding, nothing may be sent before the next welcome."""
        self._window = Window(0, 0)
        self._frames: deque[tuple[int, int]] = deque()
        self._sent = 0
        self._sent_seq = self.acked
        self._lost_to = None
        self._is_rotating = False

    def rotate(self) -> None:
        """The hub wants a new stream: send nothing more in this one, and wait for what is outstanding."""
        self._is_rotating = True

    def acknowledge(self, seq: int, now_ms: float) -> list[Acked]:
        """Drop everything up to `seq`; a lower one than before is old news. Raises HubFault when it was never sent."""
        if seq > self._sent_ever:
            raise HubFault(f"number {seq} was acknowledged, but only {self._sent_ever} were sent")
        assert self.stream is not None
        gone = []
        while self.acked < seq:
            place = self._known[0]
            count = min(place.count, seq - self.acked)
            place.count -= count
            self.acked += count
            if place.count == 0:
                self._forget(self._known.popleft())
                self._sent = max(0, self._sent - 1)
            waited = None if place.sent_ms is None else now_ms - place.sent_ms
            gone.append(Acked(self.acked, place.event, count, stream=self.stream, waited_ms=waited))
        # An acknowledgement may outrun our own resending, when the last connection's batch was still in flight.
        self._sent_seq = max(self._sent_seq, self.acked)
        while self._frames and self._frames[0][0] <= self.acked:
            self._frames.popleft()
        return gone

    def set_window(self, events: int, size: int) -> None:
        """Take new absolute totals; 0 stops sending until the next change."""
        self._window = Window(events, size)

    def wait_ms(self, now_ms: float) -> float | None:
        """How long until `take` should be called: 0 is now, None is not before something else happens."""
        if self._lost_to is not None:
            return 0.0
        first = next(self._unsent(), None)
        if first is None or not self._may_go(first.size):
            return None
        unsent = len(self._known) + len(self._fresh) - self._sent
        if first.event is None or self._sent == 0 or unsent >= min(self._limits.events_per_frame, self._room):
            return 0.0
        return max(0.0, first.recorded_ms + LINGER_MS - now_ms)

    def take(self, now_ms: float) -> Events | Lost | None:
        """The next frame to send: contiguous, within the window and the hub's limits; None when there is none."""
        if self._lost_to is not None:
            lost, self._lost_to = Lost(self._lost_to, SERVER_LOST), None
            return lost
        places = self._fitting()
        if not places:
            return None
        for place in places:
            place.sent_ms = now_ms if place.sent_ms is None else place.sent_ms
        first_seq = self._sent_seq + 1
        self._advance(places)
        self._frames.append((self._sent_seq, FRAME_OVERHEAD + sum(place.size + 1 for place in places)))
        events = [place.event for place in places if place.event is not None]
        return Events(first_seq, events) if events else Lost(self._sent_seq, OVERFLOW)

    @property
    def _room(self) -> int:
        return self._window.events - self._sent

    @property
    def _outstanding_bytes(self) -> int:
        return sum(size for _, size in self._frames)

    def _unsent(self) -> Iterator[_Place]:
        """What this connection has not sent yet, in order."""
        return islice(chain(self._known, self._fresh), self._sent, None)

    def _may_go(self, size: int) -> bool:
        """Whether one event of this size may go; with nothing outstanding any one may, else it could never."""
        if self._is_rotating or self._window.events < 1 or self._window.bytes < 1:
            return False
        if self._sent == 0:
            return True
        return self._room > 0 and self._outstanding_bytes + FRAME_OVERHEAD + size + 1 <= self._window.bytes

    def _fitting(self) -> list[_Place]:
        """The places of the next frame: events in a row, or one lost span."""
        unsent = self._unsent()
        first = next(unsent, None)
        if first is None or not self._may_go(first.size):
            return []
        places = [first]
        if first.event is None:
            return places
        most = min(self._limits.frame_bytes, self._window.bytes - self._outstanding_bytes)
        size = FRAME_OVERHEAD + first.size + 1
        for place in islice(unsent, max(0, min(self._limits.events_per_frame, self._room) - 1)):
            size += place.size + 1
            if place.event is None or size > most:
                break
            places.append(place)
        return places

    def _advance(self, places: list[_Place]) -> None:
        self._sent += len(places)
        self._sent_seq += sum(place.count for place in places)
        self._sent_ever = max(self._sent_ever, self._sent_seq)
        while len(self._known) < self._sent:
            self._known.append(self._fresh.popleft())

    def _drop_oldest(self) -> Numbered:
        """Give up the oldest event that was never on the wire; its number joins the lost ones before it."""
        lost = 0
        while self._fresh[0].event is None:
            lost += self._fresh.popleft().count
        place = self._fresh.popleft()
        self._forget(place)
        self.dropped_ever += 1
        self._fresh.appendleft(_Place(None, count=lost + 1))
        return Numbered(self._sent_ever + lost + 1, place.event)

    def _forget(self, place: _Place) -> None:
        if place.event is not None:
            self._events -= 1
            self._bytes -= place.size

    def _close_stream(self, previous: Previous | None, now_ms: float) -> list[Acked]:
        """Count what the old stream holds, as far as the hub's word for it can be true."""
        gone: list[Acked] = []
        if previous is not None and previous.stream == self.stream and previous.committed <= self._sent_ever:
            gone = self.acknowledge(previous.committed, now_ms)
            # What it does not hold it never will: those numbers are taken back.
            self._closed_given_out += self.acked
        else:
            # Numbers that were never on the wire were never given out: only those sent count for the old stream.
            self._closed_given_out += max(self._sent_ever, self.acked)
        self._closed_acked += self.acked
        return gone

    def _renumber(self, stream: UUID) -> Renumbered:
        self.next_seq = len(self) + 1
        self.acked = self._sent_ever = self._sent_seq = 0
        self._fresh.extendleft(reversed(self._known))
        self._known.clear()
        numbers = accumulate(place.count for place in self._fresh)
        places = (Numbered(seq, place.event, place.count) for seq, place in zip(numbers, self._fresh, strict=True))
        return Renumbered(stream, tuple(places))
