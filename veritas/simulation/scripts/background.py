"""Events that every student produces all the time: page opened, typing, answers, gaze samples. No rule flags them.

These events scale with the length of the session. Deliberate actions of a script keep fixed times, because the
thresholds of the rules do not scale.
"""

import math
from collections.abc import Callable, Iterator
from random import Random

from veritas.simulation.questions import answer_item, name_item
from veritas.simulation.scripts.step import Moment

GAZE_MS = 500
"""Interval of gaze samples: two per second."""

ALIVE_MS = 4_000
"""Interval of `alive` events without other events; slightly shorter than the client's own interval."""

ACTION_PAUSE_S = (160, 220)
"""Pause between two deliberate actions: three single absences never fall into one window of five minutes."""

Span = tuple[float, float]
"""(from, to) in seconds after the start."""


def arrival() -> Iterator[Moment]:
    """Open the page and the first item."""
    yield Moment(0, "fullscreen_enter")
    yield Moment(120, "screen_count", {"n": 1})
    yield Moment(300, "item_opened", {"item": "q1"})


def typing(random: Random, *, but: tuple[Span, ...] = ()) -> Iterator[Moment]:
    """Type about once a second and answer an item now and then, except within the spans `but`."""
    at_ms = 600.0
    answered = 0
    while True:
        at_ms += random.uniform(600, 1_600)
        if _is_within(at_ms, but):
            continue
        if random.random() < 0.03:
            data = {"item": name_item(answered), "value": answer_item(random, answered), "ms": 9_000}
            yield Moment(int(at_ms), "answered", data)
            answered += 1
        else:
            chars = random.randint(2, 12)
            yield Moment(int(at_ms), "typing", {"item": name_item(answered), "chars": chars, "ms": chars * 180})


def gaze(
    random: Random, looks_away: Callable[[float], bool], *, but: tuple[Span, ...] = (), confidence: float = 0.85
) -> Iterator[Moment]:
    """Sample the gaze. `looks_away` says, for a time in seconds, whether the eyes are off the screen."""
    at_ms = random.uniform(0, GAZE_MS)
    while True:
        at_ms += random.uniform(0.96, 1.04) * GAZE_MS
        if _is_within(at_ms, but):
            continue
        away = looks_away(at_ms / 1000)
        sure = min(0.99, max(0.0, random.gauss(confidence, 0.03)))
        x, y = (random.uniform(-900, -200), 700.0) if away else (random.uniform(200, 1700), random.uniform(100, 950))
        yield Moment(
            int(at_ms),
            "eye_movement",
            {"x": round(x, 1), "y": round(y, 1), "confidence": round(sure, 2), "on_screen": not away},
        )


def on_screen(_second: float) -> bool:
    """Never look away."""
    return False


def alive(spans: tuple[Span, ...]) -> Iterator[Moment]:
    """Send `alive` within the given spans."""
    for start_s, end_s in spans:
        for number in range(1, math.ceil((end_s - start_s) * 1000 / ALIVE_MS)):
            yield Moment(int(start_s * 1000) + number * ALIVE_MS, "alive")


def filler(random: Random, rate: float) -> Iterator[Moment]:
    """Add `rate` typing events per second as load. No rule flags them."""
    at_ms = 0.0
    while True:
        at_ms += random.uniform(0.5, 1.5) * 1000 / rate
        yield Moment(int(at_ms), "typing", {"item": "q1", "chars": 3, "ms": 400})


def working(random: Random, *, but: tuple[Span, ...] = ()) -> tuple[Iterator[Moment], ...]:
    """Combine everything; within the spans `but` the page sends only `alive`."""
    return arrival(), typing(fork(random), but=but), gaze(fork(random), on_screen, but=but), alive(but)


def action_starts(random: Random, seconds: float, lasts_s: float) -> tuple[float, ...]:
    """Return when deliberate actions start: soon after the beginning, then every few minutes until the end."""
    start_s = random.uniform(2, 4)
    starts: list[float] = []
    while start_s + lasts_s <= seconds - 2 or not starts:
        starts.append(start_s)
        start_s += lasts_s + random.uniform(*ACTION_PAUSE_S)
    return tuple(starts)


def fork(random: Random) -> Random:
    """Return a separate random generator, so that the order of the timelines does not change their content."""
    return Random(random.getrandbits(64))  # noqa: S311 - a script, not a secret


def _is_within(at_ms: float, spans: tuple[Span, ...]) -> bool:
    return any(start_s * 1000 <= at_ms <= end_s * 1000 for start_s, end_s in spans)
