"""Fetches an answer from elsewhere: leaves once, comes back, pastes it."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import action_starts, fork, working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "copies_answer"
MUST_RAISE = frozenset({"left_then_pasted"})
NEEDS_S = 16.0

AWAY_S = 5.0
PASTES_S = 2.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Be away for five seconds and paste a paragraph two seconds after coming back."""
    starts = action_starts(random, seconds, AWAY_S + PASTES_S)
    return play(seconds, *working(random), _copies(fork(random), starts))


def _copies(random: Random, starts: tuple[float, ...]) -> Iterator[Moment]:
    for start_s in starts:
        at_ms = int(start_s * 1000)
        back_ms = at_ms + int(AWAY_S * 1000)
        yield Moment(at_ms, "window_blur")
        yield Moment(back_ms, "window_focus")
        yield Moment(back_ms + int(PASTES_S * 1000), "paste", {"chars": random.randint(150, 600), "item": "q1"})
