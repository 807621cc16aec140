"""A model of a hub, a wire and a client around the pure queue, with lost, late and repeated frames."""

from collections import deque
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.events import Event
from protocol.limits import Limits, Window
from protocol.monitor import Events, Lost, Previous
from veritas.client.queue import Acked, CandidateQueue, Numbered, Renumbered

BOOT = UUID(int=1)
STREAM = UUID(int=2)


def event(number: int) -> Event:
    return Event("typing", number, number)


def number_of(entry: Numbered) -> int:
    """Return the number that the event of an entry was made with."""
    assert entry.event is not None
    return entry.event.at


class HubModel(RuleBasedStateMachine):
    """A hub that stores in order, a wire that may be cut anywhere, acknowledgements that may be lost or late.

    A stored place is the number of an event, or None for a number whose event was dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue = CandidateQueue(BOOT, most_events=self.most_events, most_bytes=self.most_bytes)
        self.recorded = 0
        self.dropped: set[int] = set()
        self.stored: dict[UUID, list[int | None]] = {STREAM: []}
        self.stream = STREAM
        self.is_connected = False
        self.to_hub: deque[Events | Lost] = deque()
        self.to_client: deque[int] = deque()
        self.acked: list[int | None] = []

    most_events = 100_000
    most_bytes = 64 * 1024 * 1024

    @rule(count=st.integers(1, 12), size=st.integers(1, 300))
    def record(self, count: int, size: int) -> None:
        for _ in range(count):
            self.recorded += 1
            seq, dropped = self.queue.record(event(self.recorded), size, 0)
            assert seq == self.queue.next_seq - 1
            for lost in dropped:
                assert number_of(lost) not in self.dropped
                self.dropped.add(number_of(lost))

    @precondition(lambda self: not self.is_connected)
    @rule(events=st.integers(0, 8), room=st.integers(0, 2_000))
    def connect(self, events: int, room: int) -> None:
        self.is_connected = True
        committed = len(self.stored[self.stream])
        gone, renumbered = self.queue.resume(self.stream, committed, Window(events, room), Limits(), 0)
        assert renumbered is None
        self.take_gone(gone)

    @precondition(lambda self: not self.is_connected and self.queue.stream is not None and len(self.stored) < 5)
    @rule()
    def open_another_stream(self) -> None:
        """The old one is a day old, or known to another boot; its last acknowledgement may have been lost."""
        old, committed = self.stream, len(self.stored[self.stream])
        self.stream = UUID(int=100 + len(self.stored))
        self.stored[self.stream] = []
        self.is_connected = True
        gone, renumbered = self.queue.resume(self.stream, 0, Window(), Limits(), 0, Previous(old, committed))
        assert renumbered is not None
        self.take_gone(gone)
        self.check_places(renumbered)

    def check_places(self, renumbered: Renumbered) -> None:
        """Numbered from 1 to the end without holes, in the order of recording."""
        last, at = 0, 0
        for place in renumbered.entries:
            assert place.seq == last + place.count
            assert place.count == 1 or place.event is None
            last = place.seq
            if place.event is not None:
                assert at < place.event.at
                at = place.event.at
        assert last == len(self.queue)

    @precondition(lambda self: self.is_connected)
    @rule()
    def send(self) -> None:
        due = self.queue.wait_ms(1e9)
        frame = self.queue.take(1e9)
        assert (due == 0) == (frame is not None)
        if frame is not None:
            self.to_hub.append(frame)

    @precondition(lambda self: self.to_hub)
    @rule()
    def store(self) -> None:
        frame, stored = self.to_hub.popleft(), self.stored[self.stream]
        if isinstance(frame, Events):
            assert frame.first_seq <= len(stored) + 1, "a gap"
            stored += [sent.at for sent in frame.events][len(stored) + 1 - frame.first_seq :]
        else:
            stored += [None] * (frame.to_seq - len(stored))
        self.to_client.append(len(stored))

    @precondition(lambda self: self.to_client)
    @rule()
    def acknowledge(self) -> None:
        self.take_gone(self.queue.acknowledge(self.to_client.popleft(), 0))
        self.turn()

    @precondition(lambda self: self.is_connected)
    @rule(events=st.integers(0, 8), room=st.integers(0, 2_000))
    def change_window(self, events: int, room: int) -> None:
        self.queue.set_window(events, room)

    @precondition(lambda self: self.is_connected)
    @rule()
    def rotate(self) -> None:
        self.queue.rotate()
        self.turn()

    def turn(self) -> None:
        if self.queue.has_rotated:
            assert self.queue.acked == len(self.stored[self.stream]) or self.to_client
            self.cut()
            self.open_another_stream()

    @precondition(lambda self: self.is_connected)
    @rule()
    def cut(self) -> None:
        self.is_connected = False
        self.to_hub.clear()
        self.to_client.clear()
        self.queue.disconnect()

    def take_gone(self, gone: list[Acked]) -> None:
        for entry in gone:
            for seq in range(entry.seq - entry.count + 1, entry.seq + 1):
                number = None if entry.event is None else entry.event.at
                assert number == self.stored[entry.stream][seq - 1], "acknowledged is not stored"
                self.acked.append(number)

    @property
    def everything(self) -> list[int | None]:
        return [number for stream in self.stored.values() for number in stream]

    @invariant()
    def stored_once_in_order(self) -> None:
        kept = [number for number in self.everything if number is not None]
        last = kept[-1] if kept else 0
        assert kept == [number for number in range(1, last + 1) if number not in self.dropped]
        assert len(self.everything) - len(kept) <= len(self.dropped)

    @invariant()
    def only_acknowledged_events_are_gone(self) -> None:
        assert self.acked == self.everything[: len(self.acked)]
        assert len(self.queue) == self.recorded - len(self.acked)
        assert (self.queue.given_out, self.queue.acked_ever) == (self.recorded, len(self.acked))

    @invariant()
    def the_queue_keeps_its_bounds(self) -> None:
        kept = self.recorded - len(self.dropped) - sum(number is not None for number in self.acked)
        assert kept <= max(self.most_events, 1_000)
        assert self.queue.dropped_ever == len(self.dropped)

    def teardown(self) -> None:
        """However it stood: one good connection brings everything home."""
        if self.is_connected:
            self.cut()
        self.connect(1_000, 512 * 1024)
        while len(self.queue):
            self.send()
            while self.to_hub:
                self.store()
            while self.to_client:
                self.acknowledge()
        assert self.acked == self.everything
        assert [number for number in self.everything if number is not None] == [
            number for number in range(1, self.recorded + 1) if number not in self.dropped
        ]
        assert len(self.everything) == self.recorded


class FullHubModel(HubModel):
    """The same with a queue that is always full."""

    most_events = 9
    most_bytes = 1_500
