"""Works outside fullscreen for a while, with the page always in front."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import action_starts, working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "leaves_fullscreen"
MUST_RAISE = frozenset({"left_fullscreen"})
NEEDS_S = 22.0

OUT_S = 14.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Be out of fullscreen for 14 seconds."""
    return play(seconds, *working(random), _exits(action_starts(random, seconds, OUT_S)))


def _exits(starts: tuple[float, ...]) -> Iterator[Moment]:
    for start_s in starts:
        yield Moment(int(start_s * 1000), "fullscreen_exit")
        yield Moment(int((start_s + OUT_S) * 1000), "fullscreen_enter")
