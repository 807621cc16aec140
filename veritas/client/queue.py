"""The candidate's queue: numbers, bounds, window, acknowledgement and resume (docs/wire/README.md).

Pure: no socket, clock or codec.

Rule 1: an event leaves the queue only after the hub has acknowledged it, which means that it is committed. If the
queue is full, the oldest unsent event is dropped, and a `lost` frame takes its place.
Rule 2: numbers have no gaps. The queue always holds `acked + 1 .. next_seq - 1`, including lost numbers.

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
from protocol.monitor import Events, Lost, Mark, Previous
from veritas.client.errors import HubFault

LINGER_MS = 20.0
"""How long an event waits for others while some are unacknowledged; a single event is sent at once."""

FRAME_OVERHEAD = 64
"""Upper bound in bytes for an `events` frame without its events, and for a `lost` frame."""

MOST_EVENTS = 100_000
MOST_BYTES = 64 * 1024 * 1024
"""Capacity of the queue while the hub is unreachable: hours of work."""

OVERFLOW = "overflow"
SERVER_LOST = "server_lost"


@dataclass(slots=True)
class _Slot:
    event: Event | None
    size: int = 0
    recorded_ms: float = 0.0
    sent_ms: float | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event and its number. Without an event: `count` numbers up to `seq` whose events were dropped."""

    seq: int
    event: Event | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Acked(Numbered):
    """An event that left the queue. `waited_ms` counts from its first transmission; None if it was never sent."""

    stream: UUID = field(kw_only=True)
    waited_ms: float | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Renumbered:
    """The hub opened a new stream: the rest of the queue (`entries`) is numbered from 1 again."""

    stream: UUID
    entries: tuple[Numbered, ...]


class CandidateQueue:
    """Events that a client has recorded and the hub has not acknowledged. Times are in ms of a monotonic clock."""

    def __init__(self, boot: UUID, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.boot = boot
        self.stream: UUID | None = None
        self.acked = 0
        """The highest acknowledged number of this stream."""
        self.acked_mac = ""
        """The hub's proof that `acked` was acknowledged."""
        self.next_seq = 1
        """The next unused number of this stream."""
        self.dropped_ever = 0
        """Number of events dropped because the queue was full."""
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._known: deque[_Slot] = deque()
        self._fresh: deque[_Slot] = deque()
        self._events = 0
        self._bytes = 0
        self._sent_ever = 0
        self._closed_given_out = 0
        self._closed_acked = 0
        self._lost_to: int | None = None
        self._acked_mark: Mark | None = None
        self._suspect: int | None = None
        self._limits = Limits()
        self.disconnect()

    def __len__(self) -> int:
        """Count the numbers that are not acknowledged."""
        return self.next_seq - 1 - self.acked

    @property
    def given_out(self) -> int:
        """Number of distinct (stream, seq) assigned by this queue, over all its streams."""
        return self._closed_given_out + self.next_seq - 1

    @property
    def acked_ever(self) -> int:
        """Number of them that are acknowledged."""
        return self._closed_acked + self.acked

    @property
    def outstanding(self) -> int:
        """Number of events sent over this connection and not acknowledged; a lost span counts as one."""
        return self._sent

    @property
    def has_rotated(self) -> bool:
        """Whether the old stream is complete, so that the client should send hello again."""
        return self._is_rotating and self._sent == 0 and self._lost_to is None

    def record(self, event: Event, size: int, now_ms: float) -> tuple[int, list[Numbered]]:
        """Queue an event of `size` encoded bytes. Returns its number and what was dropped for it."""
        seq = self.next_seq
        self.next_seq += 1
        self._fresh.append(_Slot(event, size, now_ms))
        self._events += 1
        self._bytes += size
        dropped: list[Numbered] = []
        # The queue was within bounds before, so there is always an unsent event to drop.
        while self._events > self._most_events or self._bytes > self._most_bytes:
            dropped.append(self._drop_oldest())
        return seq, dropped

    def marks(self) -> list[Mark]:
        """Return marks for hello, from which the hub can see that this queue was set back in time.

        Another life of the queue may have used the numbers from the first unacknowledged one, from the first that was
        never sent here, or from any in between: then the welcome names one, and the next hello has its mark.
        """
        seqs = {self.acked + 1, self.acked + 2, self._sent_ever + 1, self.next_seq - 1, self._suspect}
        found = [mark for mark in self._held_marks() if mark.seq in seqs]
        return found if self._acked_mark is None else [self._acked_mark, *found]

    def is_set_back(self, last: Mark | None) -> bool:
        """Return whether the hub has stored another event under a number of this queue: then drop nothing.

        `last` is from a welcome. If that opened no new stream, send hello again; `marks` has the number now.
        """
        held = None if last is None else next((mark for mark in self._held_marks() if mark.seq == last.seq), None)
        if held is None or held == last:
            return False
        self._suspect = held.seq
        return True

    def resume(
        self,
        stream: UUID,
        committed: int,
        window: Window,
        limits: Limits,
        now_ms: float,
        previous: Previous | None = None,
        last: Mark | None = None,
        mac: str = "",
    ) -> tuple[list[Acked], Renumbered | None]:
        """Continue where the hub's welcome says. Returns the acknowledged events and the renumbering, if any.

        With a new stream, the acknowledged events belong to the old one. Raises HubFault if the hub acknowledges
        numbers that were never sent. Check `is_set_back` first, unless there is a new stream.
        """
        self.disconnect()
        gone: list[Acked] = []
        renumbered = None
        if previous is not None and self.is_set_back(last):
            previous = Previous(previous.stream, self.acked)
        elif last is not None:
            self._believe_sent(last.seq)
        if self.stream not in (None, stream):
            gone = self._close_stream(previous, now_ms)
            renumbered = self._renumber(stream)
        self.stream = stream
        self._suspect = None
        self._window = window
        self._limits = limits
        # The hub acknowledged these events and lost them since; they are gone here. Report them as lost.
        if committed < self.acked:
            self._lost_to = self.acked
        return gone + self.acknowledge(committed, now_ms, mac), renumbered

    def disconnect(self) -> None:
        """Forget the connection: nothing is outstanding, and nothing may be sent before the next welcome."""
        self._window = Window(0, 0)
        self._frames: deque[tuple[int, int]] = deque()
        self._sent = 0
        self._sent_seq = self.acked
        self._lost_to = None
        self._is_rotating = False

    def rotate(self) -> None:
        """Stop sending in this stream and wait for outstanding acks; the hub wants a new stream."""
        self._is_rotating = True

    def acknowledge(self, seq: int, now_ms: float, mac: str = "") -> list[Acked]:
        """Drop everything up to `seq` and keep its proof `mac`; ignore a lower number than before.

        Raises HubFault if it was never sent.
        """
        if seq > self._sent_ever:
            raise HubFault(f"the hub acknowledged number {seq}, but only {self._sent_ever} were sent")
        assert self.stream is not None
        if seq >= self.acked:
            self.acked_mac = mac
        gone = []
        while self.acked < seq:
            slot = self._known[0]
            count = min(slot.count, seq - self.acked)
            slot.count -= count
            self.acked += count
            event = slot.event
            self._acked_mark = None if event is None else Mark(self.acked, event.at, event.mono)
            if slot.count == 0:
                self._forget(self._known.popleft())
                self._sent = max(0, self._sent - 1)
            waited = None if slot.sent_ms is None else now_ms - slot.sent_ms
            gone.append(Acked(self.acked, slot.event, count, stream=self.stream, waited_ms=waited))
        # An ack may pass our own retransmission if a batch of the previous connection was still in flight.
        self._sent_seq = max(self._sent_seq, self.acked)
        while self._frames and self._frames[0][0] <= self.acked:
            self._frames.popleft()
        return gone

    def set_window(self, events: int, size: int) -> None:
        """Set new absolute totals; 0 stops sending until the next change."""
        self._window = Window(events, size)

    def wait_ms(self, now_ms: float) -> float | None:
        """Return how long to wait before `take`: 0 means now, None means until something else happens."""
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
        """Return the next frame: contiguous, within the window and the hub's limits. None if there is none."""
        if self._lost_to is not None:
            lost, self._lost_to = Lost(self._lost_to, SERVER_LOST), None
            return lost
        slots = self._fitting()
        if not slots:
            return None
        for slot in slots:
            slot.sent_ms = now_ms if slot.sent_ms is None else slot.sent_ms
        first_seq = self._sent_seq + 1
        self._advance(slots)
        self._frames.append((self._sent_seq, FRAME_OVERHEAD + sum(slot.size + 1 for slot in slots)))
        events = [slot.event for slot in slots if slot.event is not None]
        return Events(first_seq, events) if events else Lost(self._sent_seq, OVERFLOW)

    def _held_marks(self) -> Iterator[Mark]:
        """Yield the marks of all events in the queue."""
        seq = self.acked
        for slot in chain(self._known, self._fresh):
            seq += slot.count
            if slot.event is not None:
                yield Mark(seq, slot.event.at, slot.event.mono)

    def _believe_sent(self, seq: int) -> None:
        """Note that the hub has this event of the queue: it was sent by a life of which the queue knows nothing."""
        held_to = self.acked + sum(slot.count for slot in self._known)
        while held_to < seq and self._fresh:
            slot = self._fresh.popleft()
            self._known.append(slot)
            held_to += slot.count
        self._sent_ever = max(self._sent_ever, min(seq, held_to))

    @property
    def _room(self) -> int:
        return self._window.events - self._sent

    @property
    def _outstanding_bytes(self) -> int:
        return sum(size for _, size in self._frames)

    def _unsent(self) -> Iterator[_Slot]:
        """Yield what this connection has not sent yet, in order."""
        return islice(chain(self._known, self._fresh), self._sent, None)

    def _may_go(self, size: int) -> bool:
        """Return whether an event of this size may be sent. With nothing outstanding, any event may."""
        if self._is_rotating or self._window.events < 1 or self._window.bytes < 1:
            return False
        if self._sent == 0:
            return True
        return self._room > 0 and self._outstanding_bytes + FRAME_OVERHEAD + size + 1 <= self._window.bytes

    def _fitting(self) -> list[_Slot]:
        """Return the slots of the next frame: consecutive events, or one lost span."""
        unsent = self._unsent()
        first = next(unsent, None)
        if first is None or not self._may_go(first.size):
            return []
        slots = [first]
        if first.event is None:
            return slots
        most = min(self._limits.frame_bytes, self._window.bytes - self._outstanding_bytes)
        size = FRAME_OVERHEAD + first.size + 1
        for slot in islice(unsent, max(0, min(self._limits.events_per_frame, self._room) - 1)):
            size += slot.size + 1
            if slot.event is None or size > most:
                break
            slots.append(slot)
        return slots

    def _advance(self, slots: list[_Slot]) -> None:
        self._sent += len(slots)
        self._sent_seq += sum(slot.count for slot in slots)
        self._sent_ever = max(self._sent_ever, self._sent_seq)
        while len(self._known) < self._sent:
            self._known.append(self._fresh.popleft())

    def _drop_oldest(self) -> Numbered:
        """Drop the oldest unsent event; its number joins the lost span before it."""
        lost = 0
        while self._fresh[0].event is None:
            lost += self._fresh.popleft().count
        slot = self._fresh.popleft()
        self._forget(slot)
        self.dropped_ever += 1
        self._fresh.appendleft(_Slot(None, count=lost + 1))
        return Numbered(self._sent_ever + lost + 1, slot.event)

    def _forget(self, slot: _Slot) -> None:
        if slot.event is not None:
            self._events -= 1
            self._bytes -= slot.size

    def _close_stream(self, previous: Previous | None, now_ms: float) -> list[Acked]:
        """Close the old stream in the counts, as far as the hub's statement about it is plausible."""
        gone: list[Acked] = []
        if previous is not None and previous.stream == self.stream and previous.committed <= self._sent_ever:
            gone = self.acknowledge(previous.committed, now_ms)
            # The old stream will never hold the rest, so those numbers are released.
            self._closed_given_out += self.acked
        else:
            # Numbers that were never sent do not count for the old stream.
            self._closed_given_out += max(self._sent_ever, self.acked)
        self._closed_acked += self.acked
        return gone

    def _renumber(self, stream: UUID) -> Renumbered:
        self.next_seq = len(self) + 1
        self.acked = self._sent_ever = self._sent_seq = 0
        self.acked_mac, self._acked_mark = "", None
        self._fresh.extendleft(reversed(self._known))
        self._known.clear()
        numbers = accumulate(slot.count for slot in self._fresh)
        entries = (Numbered(seq, slot.event, slot.count) for seq, slot in zip(numbers, self._fresh, strict=True))
        return Renumbered(stream, tuple(entries))
