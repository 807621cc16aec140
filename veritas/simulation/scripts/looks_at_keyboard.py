"""Looks down at the keyboard while typing: a few seconds at a time, again and again."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import arrival, fork, gaze, typing
from veritas.simulation.scripts.step import Step, play

NAME = "looks_at_keyboard"
MUST_RAISE: frozenset[str] = frozenset()
NEEDS_S = 0.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Look down for three of every nine seconds or so."""
    period_s = random.uniform(8, 11)
    phase_s = random.uniform(0, period_s)

    def looks_down(second: float) -> bool:
        return (second + phase_s) % period_s < 3

    return play(seconds, arrival(), typing(fork(random)), gaze(fork(random), looks_down))
