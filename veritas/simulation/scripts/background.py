"""What every candidate's client reports all the time: the page opened, typing, answers, gaze samples. Nothing to flag.

Honest filler scales with the session; what a script does on purpose keeps its own times, since thresholds do not scale.
"""

import math
from collections.abc import Callable, Iterator
from random import Random

from veritas.simulation.questions import answer_item, name_item
from veritas.simulation.scripts.step import Moment

GAZE_MS = 500
"""A gaze sample this often: two a second."""

ALIVE_MS = 4_000
"""How often a quiet client says it is there; a little sooner than the client itself would."""

DEED_PAUSE_S = (160, 220)
"""Pause between two deeds: long enough that three single leaves never fall into one window of five minutes."""

Span = tuple[float, float]
"""From, to: seconds after the start."""


def arrival() -> Iterator[Moment]:
    """Open the page and the first item."""
    yield Moment(0, "fullscreen_enter")
    yield Moment(120, "screen_count", {"n": 1})
    yield Moment(300, "item_opened", {"item": "q1"})


def typing(random: Random, *, but: tuple[Span, ...] = ()) -> Iterator[Moment]:
    """Type about once a second, answer an item now and then; not within the spans `but`."""
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
    """Sample the gaze; `looks_away` tells for a second of the session whether the eyes are off the screen."""
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
    """Say that the client is there while nothing else is said."""
    for start_s, end_s in spans:
        for number in range(1, math.ceil((end_s - start_s) * 1000 / ALIVE_MS)):
            yield Moment(int(start_s * 1000) + number * ALIVE_MS, "alive")


def filler(random: Random, rate: float) -> Iterator[Moment]:
    """Type `rate` times a second on top of everything else: load, and nothing to flag."""
    at_ms = 0.0
    while True:
        at_ms += random.uniform(0.5, 1.5) * 1000 / rate
        yield Moment(int(at_ms), "typing", {"item": "q1", "chars": 3, "ms": 400})


def working(random: Random, *, but: tuple[Span, ...] = ()) -> tuple[Iterator[Moment], ...]:
    """All of it: a candidate at work, whose page reports nothing but `alive` within the spans `but`."""
    return arrival(), typing(fork(random), but=but), gaze(fork(random), on_screen, but=but), alive(but)


def deeds(random: Random, seconds: float, lasts_s: float) -> tuple[float, ...]:
    """When something done on purpose begins: soon after the start, then every few minutes while the session lasts."""
    start_s = random.uniform(2, 4)
    starts: list[float] = []
    while start_s + lasts_s <= seconds - 2 or not starts:
        starts.append(start_s)
        start_s += lasts_s + random.uniform(*DEED_PAUSE_S)
    return tuple(starts)


def fork(random: Random) -> Random:
    """A generator of its own for each timeline: how they interleave must not change what they say."""
    return Random(random.getrandbits(64))  # noqa: S311 - a script, not a secret


def _is_within(at_ms: float, spans: tuple[Span, ...]) -> bool:
    return any(start_s * 1000 <= at_ms <= end_s * 1000 for start_s, end_s in spans)
