"""The candidate's queue: numbers, window, acknowledgement, resume (WIRE §2). Pure: no socket, no clock, no encoding.

Rule 1: an event leaves the queue only when the hub has acknowledged it, that is, after it was committed.
Rule 2: numbers have no holes. What is in the queue is always `acked + 1 .. next_seq - 1`.

    record ──▶ [ waiting ]──take──▶ [ outstanding ]──acknowledge──▶ gone
                    ▲                     │
                    └──── disconnect ─────┘        (sent again from `committed + 1` after `resume`)
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from protocol.events import Event
from protocol.limits import Limits, Window
from protocol.monitor import Events, Lost
from veritas.client.errors import HubFault

LINGER_MS = 20.0
"""How long an event waits for company while others are unacknowledged; a lone event goes at once."""

FRAME_OVERHEAD = 64
"""Bytes of an `events` frame around its events, at most."""


@dataclass(slots=True)
class _Item:
    event: Event
    size: int
    recorded_ms: float
    sent_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Acked:
    """One event that left the queue; `waited_ms` from its first sending, None when it was sent by nobody we know."""

    stream: UUID
    seq: int
    event: Event
    waited_ms: float | None


@dataclass(frozen=True, slots=True)
class Renumbered:
    """The hub opened a new stream: the rest of the queue now counts from 1; `events` are what is left of it."""

    stream: UUID
    events: tuple[Event, ...]


class CandidateQueue:
    """What one client has recorded and the hub has not acknowledged. Times are ms of one monotonic clock."""

    def __init__(self, boot: UUID) -> None:
        self.boot = boot
        self.stream: UUID | None = None
        self.acked = 0
        """The highest acknowledged number of this stream."""
        self.next_seq = 1
        """The next unused number of this stream."""
        self._items: deque[_Item] = deque()
        self._closed_given_out = 0
        self._closed_acked = 0
        self._sent_ever = 0
        self._lost_to: int | None = None
        self._limits = Limits()
        self.disconnect()

    def __len__(self) -> int:
        return len(self._items)

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
        """How many events this connection has sent and not seen acknowledged."""
        return self._sent_seq - self.acked

    def record(self, event: Event, size: int, now_ms: float) -> int:
        """Number an event of `size` encoded bytes and keep it until it is acknowledged."""
        seq = self.next_seq
        self.next_seq += 1
        self._items.append(_Item(event, size, now_ms))
        return seq

    def resume(
        self, stream: UUID, committed: int, window: Window, limits: Limits, now_ms: float
    ) -> tuple[list[Acked], Renumbered | None]:
        """Go on where the hub's welcome says. Raises HubFault when it claims what was never sent."""
        self.disconnect()
        renumbered = None
        if self.stream not in (None, stream):
            renumbered = self._renumber(stream)
        self.stream = stream
        self._window = window
        self._limits = limits
        # What the hub acknowledged and then lost is ours no longer: say so, and the numbering goes on.
        if committed < self.acked:
            self._lost_to = self.acked
        return self.acknowledge(committed, now_ms), renumbered

    def disconnect(self) -> None:
        """The connection is gone: nothing is outstanding, nothing may be sent before the next welcome."""
        self._window = Window(0, 0)
        self._frames: deque[tuple[int, int]] = deque()
        self._sent_seq = self.acked
        self._lost_to = None

    def acknowledge(self, seq: int, now_ms: float) -> list[Acked]:
        """Drop everything up to `seq`; a lower one than before is old news. Raises HubFault when it was never sent."""
        if seq > self._sent_ever:
            raise HubFault(f"number {seq} was acknowledged, but only {self._sent_ever} were sent")
        gone = []
        while self.acked < seq:
            item = self._items.popleft()
            self.acked += 1
            waited = None if item.sent_ms is None else now_ms - item.sent_ms
            assert self.stream is not None
            gone.append(Acked(self.stream, self.acked, item.event, waited))
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
        first = next(islice(self._items, self.outstanding, None), None)
        if first is None or not self._has_room(first.size):
            return None
        unsent = len(self._items) - self.outstanding
        if self.outstanding == 0 or unsent >= min(self._limits.events_per_frame, self._room):
            return 0.0
        return max(0.0, first.recorded_ms + LINGER_MS - now_ms)

    def take(self, now_ms: float) -> Events | Lost | None:
        """The next frame to send: contiguous, within the window and the hub's limits; None when there is none."""
        if self._lost_to is not None:
            lost, self._lost_to = Lost(self._lost_to, "server_lost"), None
            return lost
        items = self._fitting()
        if not items:
            return None
        for item in items:
            item.sent_ms = now_ms if item.sent_ms is None else item.sent_ms
        first_seq = self._sent_seq + 1
        self._sent_seq += len(items)
        self._sent_ever = max(self._sent_ever, self._sent_seq)
        self._frames.append((self._sent_seq, FRAME_OVERHEAD + sum(item.size + 1 for item in items)))
        return Events(first_seq, [item.event for item in items])

    @property
    def _room(self) -> int:
        return self._window.events - self.outstanding

    @property
    def _outstanding_bytes(self) -> int:
        return sum(size for _, size in self._frames)

    def _has_room(self, size: int) -> bool:
        """Whether one event of this size may go; with nothing outstanding any one may, else it could never."""
        if self._window.events < 1 or self._window.bytes < 1:
            return False
        if self.outstanding == 0:
            return True
        return self._room > 0 and self._outstanding_bytes + FRAME_OVERHEAD + size + 1 <= self._window.bytes

    def _fitting(self) -> list[_Item]:
        start = self.outstanding
        first = next(islice(self._items, start, None), None)
        if first is None or not self._has_room(first.size):
            return []
        most = min(self._limits.frame_bytes, self._window.bytes - self._outstanding_bytes)
        items = [first]
        size = FRAME_OVERHEAD + first.size + 1
        for item in islice(self._items, start + 1, start + min(self._limits.events_per_frame, self._room)):
            size += item.size + 1
            if size > most:
                break
            items.append(item)
        return items

    def _renumber(self, stream: UUID) -> Renumbered:
        # Numbers that were never on the wire were never given out: only those sent count for the old stream.
        self._closed_given_out += max(self._sent_ever, self.acked)
        self._closed_acked += self.acked
        self.acked = self._sent_ever = self._sent_seq = 0
        self.next_seq = len(self._items) + 1
        return Renumbered(stream, tuple(item.event for item in self._items))
