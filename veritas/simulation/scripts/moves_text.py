"""Rearranges an answer: cuts a paragraph and pastes it elsewhere on the page."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import fork, working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "moves_text"
MUST_RAISE: frozenset[str] = frozenset()
NEEDS_S = 0.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Move a paragraph every half minute or so."""
    return play(seconds, *working(random), _moves(fork(random)))


def _moves(random: Random) -> Iterator[Moment]:
    at_ms = 3_000
    while True:
        at_ms += random.randint(6_000, 40_000)
        yield Moment(at_ms, "cut")
        yield Moment(at_ms + random.randint(800, 3_000), "paste", {"chars": random.randint(60, 400), "item": "q1"})
