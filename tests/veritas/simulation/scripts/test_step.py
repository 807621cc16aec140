"""Timelines are merged into steps."""

from collections.abc import Iterator
from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st

from veritas.simulation.scripts.step import LoseNetwork, Moment, RecordEvent, play

times_ms = st.lists(st.integers(0, 20_000), max_size=20).map(sorted)


def moments(at_ms: list[int]) -> list[Moment]:
    return [Moment(ms, "alive") for ms in at_ms]


@given(times_ms, times_ms)
def test_steps_follow_the_merged_timelines_up_to_the_end(one: list[int], other: list[int]) -> None:
    steps = list(play(10, moments(one), moments(other)))
    at_ms = [sum(step.after_ms for step in steps[: number + 1]) for number in range(len(steps))]
    assert at_ms == sorted(ms for ms in (*one, *other) if ms <= 10_000)
    assert all(step.after_ms >= 0 for step in steps)


def test_a_moment_without_a_type_loses_the_network() -> None:
    assert list(play(1, [Moment(100, None), Moment(300, "paste", {"chars": 9})])) == [
        LoseNetwork(100),
        RecordEvent(200, "paste", {"chars": 9}),
    ]


def test_an_endless_timeline_ends_with_the_session() -> None:
    def ticking() -> Iterator[Moment]:
        yield from (Moment(100 * number, "alive") for number in count())

    steps = list(play(1, ticking()))
    assert len(steps) == 11
    assert all(before == after for before, after in pairwise(steps[1:]))
