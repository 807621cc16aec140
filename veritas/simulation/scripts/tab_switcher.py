"""Switches to another tab again and again, a few seconds each time."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import action_starts, fork, working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "tab_switcher"
MUST_RAISE = frozenset({"left_page"})
NEEDS_S = 28.0

TIMES = 4
EVERY_S = 5.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Leave four times within twenty seconds, for about two seconds each, and never paste."""
    starts = action_starts(random, seconds, TIMES * EVERY_S)
    return play(seconds, *working(random), _switches(fork(random), starts))


def _switches(random: Random, starts: tuple[float, ...]) -> Iterator[Moment]:
    for start_s in starts:
        for number in range(TIMES):
            at_ms = int((start_s + number * EVERY_S) * 1000)
            back_ms = at_ms + random.randint(1_500, 3_000)
            yield Moment(at_ms, "tab_hidden")
            yield Moment(at_ms + 10, "window_blur")
            yield Moment(back_ms, "tab_visible")
            yield Moment(back_ms + 10, "window_focus")
