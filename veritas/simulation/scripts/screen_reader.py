"""Works with a screen reader: the focus flickers between the page's frames, and no tracker finds the gaze."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import arrival, fork, gaze, typing
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "screen_reader"
MUST_RAISE: frozenset[str] = frozenset()
NEEDS_S = 0.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Lose and regain the focus every few seconds; gaze samples have a low confidence."""
    forks = [fork(random) for _ in range(3)]
    samples = gaze(forks[0], lambda second: second % 2 < 1.5, confidence=0.25)
    return play(seconds, arrival(), typing(forks[1]), samples, _flicker(forks[2]))


def _flicker(random: Random) -> Iterator[Moment]:
    at_ms = 1_000
    while True:
        at_ms += random.randint(3_000, 9_000)
        # Both at the same time: on a busy machine a simulator must not turn a flicker into an absence.
        yield Moment(at_ms, "window_blur")
        yield Moment(at_ms, "window_focus")
