"""Spans in which events arrived, by the server's clock, and what is taken away from them."""

from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.observation.clock import ClockBreach, ClockFault
from judgement.observation.observation import (
    CLOCKS,
    MISSING_MS,
    SPANS,
    Observation,
    Span,
    add_span,
    observe,
)
from protocol.events import StoredEvent
from tests.judgement.stories import LAPTOP, START_MS, SYSTEM, TABLET, lives


def event(
    server_s: float, kind: str = "alive", *, stream: UUID = LAPTOP, time_s: float | None = None, data: object = None
) -> StoredEvent:
    """An event that arrived at one time and happened at another; both in s after the start."""
    server_ms, time_ms = (START_MS + round(1000 * s) for s in (server_s, server_s if time_s is None else time_s))
    return StoredEvent(stream, 1, kind, time_ms, time_ms, server_ms, msgspec.json.encode(data or {}))


def fold(events: Sequence[StoredEvent]) -> tuple[Observation, list[ClockBreach]]:
    observation = Observation()
    breaches = [observe(observation, each) for each in events]
    return observation, [breach for breach in breaches if breach is not None]


def seconds(spans: Sequence[Span]) -> list[tuple[float, float]]:
    return [((span.from_ms - START_MS) / 1000, (span.to_ms - START_MS) / 1000) for span in spans]


def seen(events: Sequence[StoredEvent]) -> list[tuple[float, float]]:
    return seconds(fold(events)[0].seen)


def unobserved(events: Sequence[StoredEvent]) -> list[tuple[float, float]]:
    return seconds(fold(events)[0].unobserved)


def test_events_that_follow_within_fifteen_seconds_are_one_span() -> None:
    assert seen([event(0), event(5), event(20), event(35.001), event(40)]) == [(0, 20), (35.001, 40)]


def test_an_event_is_worth_nothing_on_its_own() -> None:
    assert seen([event(7)]) == [(7, 7)]


def test_only_events_of_clients_show_that_something_was_observed() -> None:
    kinds = ("attempt_started", "connection_opened", "rejected", "events_lost", "stream_closed", "heartbeat_missed")
    assert seen([event(n, kind) for n, kind in enumerate(kinds)]) == []


def test_events_that_were_held_back_count_when_they_arrive() -> None:
    assert seen([event(0), *(event(600, time_s=5 * n) for n in range(1, 120))]) == [(0, 0), (600, 600)]


def test_events_of_two_devices_are_one_record() -> None:
    assert seen([event(0), event(10, stream=TABLET), event(20), event(30, stream=TABLET)]) == [(0, 30)]


@given(st.lists(st.integers(0, 400), min_size=1, max_size=40))
def test_the_order_of_events_does_not_matter_for_the_spans(times: list[int]) -> None:
    assert seen([event(s) for s in times]) == seen([event(s) for s in sorted(times)])


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), max_size=30), st.integers(0, 5))
def test_spans_stay_in_order_and_apart(given_spans: list[tuple[int, int]], gap: int) -> None:
    spans: list[Span] = []
    covered: set[int] = set()
    for begun, long in given_spans:
        add_span(spans, begun, begun + long, gap)
        covered |= set(range(begun, begun + long))
    assert all(one.to_ms + gap < other.from_ms for one, other in pairwise(spans))
    assert covered <= {moment for span in spans for moment in range(span.from_ms, span.to_ms)}


def test_there_are_never_more_spans_than_the_limit_and_the_nearest_become_one() -> None:
    events = [event(60 * n) for n in range(SPANS)]
    assert len(seen(events)) == SPANS
    events += [event(60 * SPANS - 30)]
    spans = seen(events)
    assert len(spans) == SPANS
    assert spans[-1] == (60 * (SPANS - 1), 60 * SPANS - 30)


def test_only_the_newest_clocks_are_followed() -> None:
    observation, _ = fold([event(n, stream=UUID(int=n + 1)) for n in range(CLOCKS + 3)])
    assert set(observation.clocks) == {UUID(int=n) for n in range(4, CLOCKS + 4)}


def test_lost_events_take_the_time_since_the_last_one_and_a_minute_before_and_after() -> None:
    lost = {"from": 3, "reason": "storage"}
    assert unobserved([event(100), event(105), event(107, "events_lost", data=lost)]) == [(47, 167)]
    assert unobserved([event(100), event(300, "events_lost", data=lost)]) == [(100, 360)]
    assert unobserved([event(5, "events_lost", data={"from": 1, "reason": "unproven_ack"})]) == [(5 - 60, 65)]
    assert MISSING_MS == 60_000


def test_events_that_the_server_lost_take_only_the_time_since_the_last_one() -> None:
    lost = {"from": 3, "reason": "server_lost"}
    assert unobserved([event(100), event(107, "events_lost", data=lost)]) == [(100, 107)]


def test_an_abandoned_queue_takes_the_time_since_its_last_event() -> None:
    left = event(400, "stream_abandoned", stream=SYSTEM, data={"stream": str(LAPTOP), "seq": 9})
    assert unobserved([event(100), left]) == [(100, 460)]
    assert unobserved([event(390), left]) == [(340, 460)]
    assert unobserved([left]) == [(340, 460)]


def test_a_stopped_clock_is_one_breach_and_unobserved_from_the_time_it_was_right() -> None:
    events = [event(s, time_s=min(s, 100)) for s in range(0, 600, 5)]
    observation, breaches = fold(events)
    [breach] = breaches
    assert (breach.stream_id, breach.kind) == (LAPTOP, ClockFault.SLOW)
    assert 85 <= (breach.from_ms - START_MS) / 1000 <= 100
    assert (breach.to_ms - START_MS) / 1000 <= 160
    assert seconds(observation.unobserved) == [((breach.from_ms - START_MS) / 1000, 595)]


@pytest.mark.parametrize("every_s", [2, 9, 19, 33])
def test_a_client_that_begins_a_stream_again_and_again_hides_no_stopped_clock(every_s: int) -> None:
    events = [event(s, stream=UUID(int=s // every_s), time_s=s - s % every_s) for s in range(600)]
    [(begun, ended)] = unobserved(events)
    assert begun == 0
    assert ended >= 600 - 2 * every_s


def test_a_stream_whose_clock_was_right_is_observed_also_after_the_next_one_begins() -> None:
    assert unobserved([event(s, stream=LAPTOP if s < 40 else TABLET) for s in range(0, 600, 2)]) == []


def test_an_event_from_the_future_is_unobserved() -> None:
    events = [event(s, time_s=s + (100 if s >= 100 else 0)) for s in range(0, 200, 5)]
    observation, [breach] = fold(events)
    assert breach.kind is ClockFault.EARLY
    assert seconds(observation.unobserved)[0][1] == 195


@given(lives, st.integers(1, 9))
def test_a_saved_and_loaded_observation_goes_on_as_before(events: Sequence[StoredEvent], every: int) -> None:
    whole, breaches = fold(events)
    parted, found = Observation(), []
    for start in range(0, len(events), every):
        found += [observe(parted, each) for each in events[start : start + every]]
        parted = msgspec.json.decode(msgspec.json.encode(parted), type=Observation)
    assert parted == whole
    assert [breach for breach in found if breach is not None] == breaches
    assert whole.events == len(events)
