"""Works through the exam without ever leaving it."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import working
from veritas.simulation.scripts.step import Step, play

NAME = "steady_typist"
MUST_RAISE: frozenset[str] = frozenset()
NEEDS_S = 0.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Type, answer, look at the screen."""
    return play(seconds, *working(random))
