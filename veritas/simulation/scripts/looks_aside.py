"""Reads from something beside the screen for most of half a minute."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import action_starts, arrival, fork, gaze, typing
from veritas.simulation.scripts.step import Step, play

NAME = "looks_aside"
MUST_RAISE = frozenset({"gaze_away"})
NEEDS_S = 36.0

ASIDE_S = 29.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Look aside for 29 seconds, with a glance at the screen every five."""
    starts = action_starts(random, seconds, ASIDE_S)

    def looks_aside(second: float) -> bool:
        return second % 5 > 0.7 and any(start_s <= second <= start_s + ASIDE_S for start_s in starts)

    return play(seconds, arrival(), typing(fork(random)), gaze(fork(random), looks_aside))
