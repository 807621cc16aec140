"""The queue against a model of a hub: with lost, late and repeated frames each event is stored once and in order."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.limits import Limits, Window
from protocol.monitor import Events, Lost, Previous
from tests.veritas.client.hub_model import BOOT, STREAM, FullHubModel, HubModel, event, number_of
from veritas.client.errors import HubFault
from veritas.client.queue import FRAME_OVERHEAD, LINGER_MS, CandidateQueue

OTHER = UUID(int=3)


def queue_of(count: int, *, window: Window | None = None, limits: Limits | None = None) -> CandidateQueue:
    queue = CandidateQueue(BOOT)
    for number in range(1, count + 1):
        queue.record(event(number), 50, 0)
    queue.resume(STREAM, 0, window or Window(), limits or Limits(), 0)
    return queue


def numbers_of(frame: Events | Lost | None) -> list[int]:
    assert isinstance(frame, Events)
    assert [sent.at for sent in frame.events] == list(range(frame.first_seq, frame.first_seq + len(frame.events)))
    return [sent.at for sent in frame.events]


def test_nothing_is_sent_before_the_first_welcome() -> None:
    queue = CandidateQueue(BOOT)
    assert queue.record(event(1), 50, 0) == (1, [])
    assert queue.wait_ms(0) is None
    assert queue.take(0) is None


def test_a_first_event_is_sent_at_once_and_later_ones_wait_to_share_a_frame() -> None:
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
    assert [(entry.stream, entry.seq, number_of(entry), entry.waited_ms) for entry in gone] == [
        (STREAM, 1, 1, 25),
        (STREAM, 2, 2, 25),
    ]
    assert len(queue) == 1
    assert queue.acknowledge(1, 40) == []


def test_unsent_events_cannot_be_acknowledged() -> None:
    queue = queue_of(3, window=Window(2, 1_000))
    queue.take(0)
    with pytest.raises(HubFault, match="acknowledged number 3, but only 2 were sent"):
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
    assert [entry.seq for entry in gone] == [2, 3]
    assert renumbered is None
    assert numbers_of(queue.take(0)) == [4, 5, 6]


def test_an_acknowledgement_from_before_the_cut_outruns_the_resending() -> None:
    queue = queue_of(4)
    queue.take(0)
    queue.disconnect()
    queue.resume(STREAM, 1, Window(), Limits(), 0)
    assert [entry.seq for entry in queue.acknowledge(3, 0)] == [2, 3]
    assert numbers_of(queue.take(0)) == [4]


def test_a_new_stream_renumbers_the_rest() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(2, 0)
    queue.disconnect()
    gone, renumbered = queue.resume(OTHER, 0, Window(), Limits(), 0)
    assert gone == []
    assert renumbered is not None
    assert [(entry.seq, number_of(entry)) for entry in renumbered.entries] == [(1, 3), (2, 4), (3, 5)]
    frame = queue.take(0)
    assert isinstance(frame, Events)
    assert (frame.first_seq, [sent.at for sent in frame.events]) == (1, [3, 4, 5])
    assert (queue.given_out, queue.acked_ever) == (5 + 3, 2)
    assert [entry.seq for entry in queue.acknowledge(3, 0)] == [1, 2, 3]
    assert (queue.given_out, queue.acked_ever, len(queue)) == (8, 5, 0)


def test_numbers_that_were_never_sent_do_not_count_as_given_out() -> None:
    queue = queue_of(2)
    queue.take(0)
    queue.disconnect()
    queue.record(event(3), 50, 0)
    queue.resume(OTHER, 0, Window(), Limits(), 0)
    assert queue.given_out == 2 + 3


def test_acknowledged_events_that_the_hub_lost_are_reported_as_lost() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(4, 0)
    queue.disconnect()
    queue.resume(STREAM, 2, Window(), Limits(), 0)
    assert queue.wait_ms(0) == 0
    assert queue.take(0) == Lost(4, "server_lost")
    assert numbers_of(queue.take(0)) == [5]
    assert queue.acknowledge(4, 0) == []
    assert [entry.seq for entry in queue.acknowledge(5, 0)] == [5]


def full_queue(count: int, most_events: int, **bounds: int) -> CandidateQueue:
    queue = CandidateQueue(BOOT, most_events=most_events, **bounds)
    for number in range(1, count + 1):
        queue.record(event(number), 50, 0)
    return queue


def test_a_full_queue_drops_the_oldest_event_and_reports_it_as_lost() -> None:
    queue = full_queue(3, 3)
    seq, (dropped,) = queue.record(event(4), 50, 0)
    assert (seq, dropped.seq, number_of(dropped)) == (4, 1, 1)
    assert [entry.seq for entry in queue.record(event(5), 50, 0)[1]] == [2]
    assert (queue.given_out, queue.dropped_ever, len(queue)) == (5, 2, 5)
    queue.resume(STREAM, 0, Window(), Limits(), 0)
    assert queue.wait_ms(0) == 0
    assert queue.take(0) == Lost(2, "overflow")
    assert numbers_of(queue.take(0)) == [3, 4, 5]
    gone = queue.acknowledge(5, 0)
    assert [(entry.seq, entry.count, entry.event and number_of(entry)) for entry in gone] == [
        (2, 2, None),
        (3, 1, 3),
        (4, 1, 4),
        (5, 1, 5),
    ]
    assert (queue.acked_ever, len(queue)) == (5, 0)


def test_a_queue_full_of_bytes_drops_as_many_as_it_takes() -> None:
    queue = CandidateQueue(BOOT, most_bytes=100)
    queue.record(event(1), 40, 0)
    queue.record(event(2), 40, 0)
    assert [entry.seq for entry in queue.record(event(3), 90, 0)[1]] == [1, 2]
    assert [entry.seq for entry in queue.record(event(4), 101, 0)[1]] == [3, 4]


def test_sent_events_are_never_dropped() -> None:
    queue = full_queue(3, 3)
    queue.resume(STREAM, 0, Window(), Limits(events_per_frame=2), 0)
    assert numbers_of(queue.take(0)) == [1, 2]
    queue.disconnect()
    assert [entry.seq for number in (4, 5) for entry in queue.record(event(number), 50, 0)[1]] == [3, 4]
    queue.resume(STREAM, 1, Window(), Limits(), 0)
    assert numbers_of(queue.take(0)) == [2]
    assert queue.take(0) == Lost(4, "overflow")
    assert numbers_of(queue.take(0)) == [5]


def test_with_everything_on_the_wire_the_new_event_itself_is_dropped() -> None:
    queue = full_queue(2, 2)
    queue.resume(STREAM, 0, Window(), Limits(), 0)
    queue.take(0)
    assert [entry.seq for entry in queue.record(event(3), 50, 0)[1]] == [3]
    assert queue.take(0) == Lost(3, "overflow")
    assert [entry.seq for entry in queue.record(event(4), 50, 0)[1]] == [4]
    assert queue.take(0) == Lost(4, "overflow")
    assert queue.dropped_ever == 2


def test_a_lost_span_counts_once_in_the_window() -> None:
    queue = full_queue(10, 2)
    queue.resume(STREAM, 0, Window(3, 10_000), Limits(), 0)
    assert queue.take(0) == Lost(8, "overflow")
    assert queue.outstanding == 1
    assert numbers_of(queue.take(0)) == [9, 10]
    assert queue.take(0) is None


def test_a_hub_that_stored_half_of_a_lost_span_gets_the_rest() -> None:
    queue = full_queue(5, 1)
    queue.resume(STREAM, 0, Window(), Limits(), 0)
    assert queue.take(0) == Lost(4, "overflow")
    queue.disconnect()
    gone, _ = queue.resume(STREAM, 2, Window(), Limits(), 0)
    assert [(entry.seq, entry.count) for entry in gone] == [(2, 2)]
    assert queue.take(0) == Lost(4, "overflow")
    assert numbers_of(queue.take(0)) == [5]
    assert [(entry.seq, entry.count) for entry in queue.acknowledge(5, 0)] == [(4, 2), (5, 1)]


def test_a_lost_span_moves_to_a_new_stream_with_the_rest() -> None:
    queue = full_queue(4, 2)
    queue.resume(STREAM, 0, Window(1, 10_000), Limits(), 0)
    assert queue.take(0) == Lost(2, "overflow")
    queue.disconnect()
    queue.record(event(5), 50, 0)
    _, renumbered = queue.resume(OTHER, 0, Window(), Limits(), 0, Previous(STREAM, 0))
    assert renumbered is not None
    assert [(entry.seq, entry.count, entry.event and number_of(entry)) for entry in renumbered.entries] == [
        (2, 2, None),
        (3, 1, None),
        (4, 1, 4),
        (5, 1, 5),
    ]
    assert [queue.take(0), queue.take(0)] == [Lost(2, "overflow"), Lost(3, "overflow")]
    queue.acknowledge(3, 0)
    assert (queue.given_out, queue.acked_ever) == (5, 3)


def test_events_stored_in_the_old_stream_are_not_sent_again_in_the_new_one() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(1, 0)
    queue.disconnect()
    gone, renumbered = queue.resume(OTHER, 0, Window(), Limits(), 9, Previous(STREAM, 3))
    assert [(entry.stream, entry.seq) for entry in gone] == [(STREAM, 2), (STREAM, 3)]
    assert renumbered is not None
    assert [(entry.seq, number_of(entry)) for entry in renumbered.entries] == [(1, 4), (2, 5)]
    assert (queue.given_out, queue.acked_ever) == (5, 3)
    queue.take(9)
    queue.acknowledge(2, 9)
    assert (queue.given_out, queue.acked_ever, len(queue)) == (5, 5, 0)


@pytest.mark.parametrize("previous", [Previous(STREAM, 9), Previous(OTHER, 3)])
def test_an_impossible_claim_about_the_old_stream_drops_nothing(previous: Previous) -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(2, 0)
    gone, renumbered = queue.resume(UUID(int=4), 0, Window(), Limits(), 0, previous)
    assert gone == []
    assert renumbered is not None
    assert [number_of(entry) for entry in renumbered.entries] == [3, 4, 5]


def test_an_old_stream_that_lost_what_it_had_acknowledged_costs_nothing_more() -> None:
    queue = queue_of(5)
    queue.take(0)
    queue.acknowledge(4, 0)
    gone, renumbered = queue.resume(OTHER, 0, Window(), Limits(), 0, Previous(STREAM, 2))
    assert gone == []
    assert renumbered is not None
    assert [number_of(entry) for entry in renumbered.entries] == [5]
    assert (queue.given_out, queue.acked_ever) == (5, 4)


def has_rotated(queue: CandidateQueue) -> bool:
    """Read the property; a call, so that a type checker does not remember its value."""
    return queue.has_rotated


def test_rotating_waits_for_what_is_outstanding_and_sends_no_more() -> None:
    queue = queue_of(5, limits=Limits(events_per_frame=2))
    queue.take(0)
    queue.rotate()
    assert not has_rotated(queue)
    assert queue.wait_ms(99) is None
    assert queue.take(99) is None
    queue.record(event(6), 50, 0)
    queue.acknowledge(2, 0)
    assert has_rotated(queue)
    queue.disconnect()
    assert not has_rotated(queue)
    _, renumbered = queue.resume(OTHER, 0, Window(), Limits(), 0, Previous(STREAM, 2))
    assert renumbered is not None
    assert [number_of(entry) for entry in renumbered.entries] == [3, 4, 5, 6]


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


TestHubModel = HubModel.TestCase
TestHubModel.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
TestFullHubModel = FullHubModel.TestCase
TestFullHubModel.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
