"""The queue against a model of a hub: whatever is cut, late or repeated, each event is stored once and in order."""

from collections import deque
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.events import Event
from protocol.limits import Limits, Window
from protocol.monitor import Events, Lost
from veritas.client.errors import HubFault
from veritas.client.queue import FRAME_OVERHEAD, LINGER_MS, CandidateQueue

BOOT = UUID(int=1)
STREAM = UUID(int=2)
OTHER = UUID(int=3)


def event(number: int) -> Event:
    return Event("typing", number, number)


def queue_of(count: int, *, window: Window | None = None, limits: Limits | None = None) -> CandidateQueue:
    queue = CandidateQueue(BOOT)
    for number in range(1, count + 1):
        queue.record(event(number), 50, 0)
    queue.resume(STREAM, 0, window or Window(), limits or Limits(), 0)
    return queue


def numbers_of(frame: Events | Lost | None) -> list[int]:
    assert isinstance(frame, Events)
    assert [one.at for one in frame.events] == list(range(frame.first_seq, frame.first_seq + len(frame.events)))
    return [one.at for one in frame.events]


def test_nothing_is_sent_before_the_first_welcome() -> None:
    queue = CandidateQueue(BOOT)
    assert queue.record(event(1), 50, 0) == 1
    assert queue.wait_ms(0) is None
    assert queue.take(0) is None


def test_a_lone_event_goes_at_once_and_company_is_awaited_under_load() -> None:
    queue = queue_of(1)
    assert queue.wait_ms(5) == 0
    assert numbers_of(queue.take(5)) == [1]
    queue.record(event(2), 50, 10)
    assert queue.wait_ms(10) == LINGER_MS
    assert queue.wait_ms(25) == LINGER_MS - 15
    assert queue.wait_ms(31) == 0
    queue.acknowledge(1, 12)
    assert queue.wait_ms(12) == 0


def test_a_full_frame_does_not_linger() -> None:
    queue = queue_of(1, limits=Limits(events_per_frame=3))
    queue.take(0)
    for number in range(2, 6):
        queue.record(event(number), 50, 1)
    assert queue.wait_ms(1) == 0
    assert numbers_of(queue.take(1)) == [2, 3, 4]


def test_the_window_bounds_events_and_bytes() -> None:
    queue = queue_of(10, window=Window(4, 10_000))
    assert numbers_of(queue.take(0)) == [1, 2, 3, 4]
    assert queue.wait_ms(1_000) is None
    queue = queue_of(10, window=Window(100, FRAME_OVERHEAD + 3 * 51))
    assert numbers_of(queue.take(0)) == [1, 2, 3]
    assert queue.take(0) is None


def test_a_frame_stays_below_the_frame_limit() -> None:
    queue = queue_of(10, limits=Limits(frame_bytes=FRAME_OVERHEAD + 4 * 51))
    assert numbers_of(queue.take(0)) == [1, 2, 3, 4]
    assert numbers_of(queue.take(0)) == [5, 6, 7, 8]


def test_window_zero_stops_until_it_opens_again() -> None:
    queue = queue_of(3, window=Window(0, 0))
    assert queue.wait_ms(99) is None
    assert queue.take(99) is None
    queue.set_window(2, 1_000)
    assert numbers_of(queue.take(99)) == [1, 2]


def test_a_shrinking_window_is_no_fault_and_holds_back_the_rest() -> None:
    queue = queue_of(10, window=Window(6, 10_000))
    queue.take(0)
    queue.set_window(2, 10_000)
    assert queue.wait_ms(100) is None
    queue.acknowledge(5, 0)
    assert numbers_of(queue.take(100)) == [7]


def test_one_event_larger_than_the_window_still_gets_through() -> None:
    queue = queue_of(2, window=Window(10, 20))
    assert numbers_of(queue.take(0)) == [1]
    assert queue.take(0) is None
    queue.acknowledge(1, 0)
    assert numbers_of(queue.take(0)) == [2]


def test_acknowledged_events_leave_with_their_latency() -> None:
    queue = queue_of(3)
    queue.take(10)
    gone = queue.acknowledge(2, 35)
    assert [(one.stream, one.seq, one.event.at, one.waited_ms) for one in gone] == [
        (STREAM, 1, 1, 25),
        (STREAM, 2, 2, 25),
    ]
    assert len(queue) == 1
    assert queue.acknowledge(1, 40) == []


def test_what_was_not_sent_cannot_be_acknowledged() -> None:
    queue = queue_of(3, window=Window(2, 1_000))
    queue.take(0)
    with pytest.raises(HubFault, match="number 3 was acknowledged, but only 2 were sent"):
        queue.acknowledge(3, 0)
    assert len(queue) == 3


def test_a_cut_sends_again_from_what_the_hub_has() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(1, 0)
    queue.disconnect()
    queue.record(event(6), 50, 0)
    assert queue.take(0) is None
    gone, renumbered = queue.resume(STREAM, 3, Window(), Limits(), 0)
    assert [one.seq for one in gone] == [2, 3]
    assert renumbered is None
    assert numbers_of(queue.take(0)) == [4, 5, 6]


def test_an_acknowledgement_from_before_the_cut_outruns_the_resending() -> None:
    queue = queue_of(4)
    queue.take(0)
    queue.disconnect()
    queue.resume(STREAM, 1, Window(), Limits(), 0)
    assert [one.seq for one in queue.acknowledge(3, 0)] == [2, 3]
    assert numbers_of(queue.take(0)) == [4]


def test_a_new_stream_renumbers_the_rest() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(2, 0)
    queue.disconnect()
    gone, renumbered = queue.resume(OTHER, 0, Window(), Limits(), 0)
    assert gone == []
    assert renumbered is not None
    assert [one.at for one in renumbered.events] == [3, 4, 5]
    frame = queue.take(0)
    assert isinstance(frame, Events)
    assert (frame.first_seq, [one.at for one in frame.events]) == (1, [3, 4, 5])
    assert (queue.given_out, queue.acked_ever) == (5 + 3, 2)
    assert [one.seq for one in queue.acknowledge(3, 0)] == [1, 2, 3]
    assert (queue.given_out, queue.acked_ever, len(queue)) == (8, 5, 0)


def test_numbers_that_were_never_on_the_wire_were_never_given_out() -> None:
    queue = queue_of(2)
    queue.take(0)
    queue.disconnect()
    queue.record(event(3), 50, 0)
    queue.resume(OTHER, 0, Window(), Limits(), 0)
    assert queue.given_out == 2 + 3


def test_what_the_hub_lost_after_acknowledging_it_is_declared_lost() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(4, 0)
    queue.disconnect()
    queue.resume(STREAM, 2, Window(), Limits(), 0)
    assert queue.wait_ms(0) == 0
    assert queue.take(0) == Lost(4, "server_lost")
    assert numbers_of(queue.take(0)) == [5]
    assert queue.acknowledge(4, 0) == []
    assert [one.seq for one in queue.acknowledge(5, 0)] == [5]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(1, 30), st.integers(100, 900))
def test_frames_respect_every_bound_for_any_sizes(sizes: list[int], events: int, room: int) -> None:
    queue = CandidateQueue(BOOT)
    for number, size in enumerate(sizes, 1):
        queue.record(event(number), size, 0)
    queue.resume(STREAM, 0, Window(events, room), Limits(frame_bytes=600, events_per_frame=7), 0)
    seen: list[int] = []
    while len(queue):
        sent = 0
        in_flight = 0
        while (frame := queue.take(0)) is not None:
            numbers = numbers_of(frame)
            weight = FRAME_OVERHEAD + sum(sizes[number - 1] + 1 for number in numbers)
            assert len(numbers) <= 7
            assert weight <= 600 or len(numbers) == 1
            assert in_flight + weight <= room or (in_flight == 0 and len(numbers) == 1)
            in_flight += weight
            sent += len(numbers)
            seen += numbers
        assert 0 < sent <= events
        queue.acknowledge(seen[-1], 0)
    assert seen == list(range(1, len(sizes) + 1))


class HubModel(RuleBasedStateMachine):
    """A hub that stores in order, a wire that may be cut anywhere, acknowledgements that may be lost or late."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = CandidateQueue(BOOT)
        self.recorded: list[int] = []
        self.stored: dict[UUID, list[int]] = {STREAM: []}
        self.stream = STREAM
        self.is_connected = False
        self.to_hub: deque[Events] = deque()
        self.to_client: deque[int] = deque()
        self.acked: list[int] = []
        self.window = Window()
        self.streams = 1

    @rule(count=st.integers(1, 12), size=st.integers(1, 300))
    def record(self, count: int, size: int) -> None:
        for _ in range(count):
            self.recorded.append(len(self.recorded) + 1)
            self.queue.record(event(self.recorded[-1]), size, 0)

    @precondition(lambda self: not self.is_connected)
    @rule(events=st.integers(0, 8), room=st.integers(0, 2_000))
    def connect(self, events: int, room: int) -> None:
        self.is_connected = True
        self.window = Window(events, room)
        gone, renumbered = self.queue.resume(self.stream, len(self.stored[self.stream]), self.window, Limits(), 0)
        assert renumbered is None
        self.take_gone(gone)

    @precondition(lambda self: not self.is_connected and self.streams < 4)
    @rule()
    def forget_the_stream(self) -> None:
        """Only what is acknowledged is counted as stored: the rest comes again in the new stream."""
        if self.queue.stream is None:
            return
        del self.stored[self.stream][self.queue.acked :]
        self.streams += 1
        self.stream = UUID(int=100 + self.streams)
        self.stored[self.stream] = []
        self.is_connected = True
        self.window = Window()
        gone, renumbered = self.queue.resume(self.stream, 0, self.window, Limits(), 0)
        assert gone == []
        assert renumbered is not None

    @precondition(lambda self: self.is_connected)
    @rule()
    def send(self) -> None:
        due = self.queue.wait_ms(1e9)
        frame = self.queue.take(1e9)
        assert (due == 0) == (frame is not None)
        if frame is not None:
            assert isinstance(frame, Events)
            self.to_hub.append(frame)

    @precondition(lambda self: self.to_hub)
    @rule()
    def store(self) -> None:
        frame = self.to_hub.popleft()
        stored = self.stored[self.stream]
        assert frame.first_seq <= len(stored) + 1, "a gap"
        fresh = [one.at for one in frame.events][len(stored) + 1 - frame.first_seq :]
        stored += fresh
        self.to_client.append(len(stored))

    @precondition(lambda self: self.to_client)
    @rule()
    def acknowledge(self) -> None:
        self.take_gone(self.queue.acknowledge(self.to_client.popleft(), 0))

    @precondition(lambda self: self.is_connected)
    @rule(events=st.integers(0, 8), room=st.integers(0, 2_000))
    def change_window(self, events: int, room: int) -> None:
        self.window = Window(events, room)
        self.queue.set_window(events, room)

    @precondition(lambda self: self.is_connected)
    @rule()
    def cut(self) -> None:
        self.is_connected = False
        self.to_hub.clear()
        self.to_client.clear()
        self.queue.disconnect()

    def take_gone(self, gone: list) -> None:
        for one in gone:
            assert one.event.at == self.stored[one.stream][one.seq - 1], "acknowledged is not stored"
            self.acked.append(one.event.at)

    @invariant()
    def stored_once_in_order(self) -> None:
        everything = [number for stream in self.stored.values() for number in stream]
        assert everything == self.recorded[: len(everything)]

    @invariant()
    def only_acknowledged_events_are_gone(self) -> None:
        assert self.acked == self.recorded[: len(self.acked)]
        assert len(self.queue) == len(self.recorded) - len(self.acked)

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
        assert self.acked == self.recorded
        assert [number for stream in self.stored.values() for number in stream] == self.recorded


TestHubModel = HubModel.TestCase
TestHubModel.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
