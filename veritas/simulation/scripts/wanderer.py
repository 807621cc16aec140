"""Leaves the page for about half a minute; the client keeps sending `alive`."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import action_starts, working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "wanderer"
MUST_RAISE = frozenset({"left_page"})
NEEDS_S = 32.0

AWAY_S = 24.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Be away for 24 seconds; a hidden page sends only `alive`."""
    starts = action_starts(random, seconds, AWAY_S)
    away = tuple((start_s, start_s + AWAY_S) for start_s in starts)
    return play(seconds, *working(random, but=away), _leaves(starts))


def _leaves(starts: tuple[float, ...]) -> Iterator[Moment]:
    for start_s in starts:
        yield Moment(int(start_s * 1000), "tab_hidden")
        yield Moment(int((start_s + AWAY_S) * 1000), "tab_visible")
