"""Has a network that fails again and again; the work continues."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import fork, working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "flaky_network"
MUST_RAISE: frozenset[str] = frozenset()
NEEDS_S = 0.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Lose the connection every ten seconds or so; the browser notices now and then."""
    return play(seconds, *working(random), _cuts(fork(random)))


def _cuts(random: Random) -> Iterator[Moment]:
    at_ms = 0
    while True:
        at_ms += random.randint(4_000, 15_000)
        yield Moment(at_ms, None)
        if random.random() < 0.5:
            yield Moment(at_ms + 1_500, "network_change")
