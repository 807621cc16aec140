"""Is interrupted once: a notification takes the focus for a moment, and is closed."""

from collections.abc import Iterator
from random import Random

from veritas.simulation.scripts.background import working
from veritas.simulation.scripts.step import Moment, Step, play

NAME = "one_notification"
MUST_RAISE: frozenset[str] = frozenset()
NEEDS_S = 0.0


def steps(random: Random, seconds: float) -> Iterator[Step]:
    """Lose the focus once, for one to three seconds."""
    at_ms = int(random.uniform(0.2, 0.7) * min(seconds, 600) * 1000)
    blur = [Moment(at_ms, "window_blur"), Moment(at_ms + random.randint(1_000, 3_000), "window_focus")]
    return play(seconds, *working(random), blur)
