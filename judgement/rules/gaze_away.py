"""Gaze away: for most of a time window the gaze tracker saw the candidate's gaze off the screen (docs/rules.md).

Reads `eye_movement` samples whose confidence is high enough and ignores all others. The window has ten parts, and seven
of them must contain a sample, so that two seconds of looking at the keyboard do not count as half a minute. The samples
come from a camera and cannot be checked later, so the rule never raises more than a warning and is off by default.

An episode is raised by the sample off the screen that makes the share too large. It ends when the share in the window
has fallen to half the limit, or when a whole window has no samples. Then counting starts from zero.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from judgement.rule import Episode, EventRef, Rule, RuleSettings, RuleState, Weight, payload_reader
from protocol.events import EyeMovement, StoredEvent
from protocol.flags import Severity

SUMMARY = (
    "{percent:.0f} % of {samples:.0f} gaze samples within {within_s:.0f} s were not on the screen "
    "(limit {limit_percent:.0f} %). This cannot be verified from the record."
)
PARTS = 10
PARTS_SEEN = 7

_read_sample = payload_reader(EyeMovement)
FALSE_ALARMS = (
    "Looking at the keyboard while typing; drawing or calculating on permitted paper; looking away while thinking; "
    "strabismus, nystagmus or reflecting glasses; a camera beside the screen, or on a second monitor that was "
    "switched off; poor light."
)


class GazeAwaySettings(RuleSettings, frozen=True):
    """Share and length of the window, and which samples count."""

    weight: Weight = 0.1
    share: Annotated[
        float, Meta(ge=0.3, le=1, description="0..1; the share of samples off the screen must be larger")
    ] = 0.6
    within_s: Annotated[int, Meta(ge=10, le=600, description="s; the window")] = 30
    samples: Annotated[int, Meta(ge=10, le=10_000, description="samples; with fewer no flag is raised")] = 20
    confidence: Annotated[float, Meta(ge=0, le=1, description="0..1; a sample with less confidence is ignored")] = 0.6


class Part(msgspec.Struct):
    """A tenth of the window: its number in time, its samples, those off the screen, and the first of those."""

    slot: int
    samples: int = 0
    away: int = 0
    away_confidence: float = 0.0
    first_away: EventRef | None = None


class GazeAwayState(RuleState):
    """The parts of the window that have samples, oldest first, and whether their episode has been reported."""

    parts: list[Part] = msgspec.field(default_factory=list)
    is_reported: bool = False


def step(state: GazeAwayState, event: StoredEvent, settings: GazeAwaySettings) -> Sequence[Episode]:
    """Add one sample to the window, and check the window if the sample can change the result."""
    sample = _read_sample(event.data)
    if sample is None or not settings.confidence <= sample.confidence <= 1:
        return ()
    part = _part_at(state, event.time_ms * PARTS // (settings.within_s * 1000))
    part.samples += 1
    if sample.on_screen:
        if state.is_reported and _share(state.parts) <= settings.share / 2:
            state.parts, state.is_reported = [], False
        return ()
    part.away += 1
    part.away_confidence += sample.confidence
    part.first_away = part.first_away or EventRef.of(event)
    if state.is_reported or not _is_enough(state.parts, settings):
        return ()
    state.is_reported = True
    return (_episode(state.parts, event, settings),)


def _part_at(state: GazeAwayState, slot: int) -> Part:
    """Move the window to `slot`. A sample that is late by less than a window counts in the newest part."""
    if state.parts and 0 <= state.parts[-1].slot - slot < PARTS:
        return state.parts[-1]
    state.parts = [part for part in state.parts if 0 < slot - part.slot < PARTS]
    state.is_reported = state.is_reported and bool(state.parts)
    state.parts.append(Part(slot))
    return state.parts[-1]


def _share(parts: Sequence[Part]) -> float:
    return sum(part.away for part in parts) / sum(part.samples for part in parts)


def _is_enough(parts: Sequence[Part], settings: GazeAwaySettings) -> bool:
    seen = len(parts) >= PARTS_SEEN and sum(part.samples for part in parts) >= settings.samples
    return seen and _share(parts) > settings.share


def _episode(parts: Sequence[Part], event: StoredEvent, settings: GazeAwaySettings) -> Episode:
    away = sum(part.away for part in parts)
    share = _share(parts)
    numbers = {
        "percent": 100 * share,
        "samples": float(sum(part.samples for part in parts)),
        "within_s": float(settings.within_s),
        "limit_percent": 100 * settings.share,
    }
    firsts = tuple(part.first_away for part in parts if part.first_away is not None)
    cited = firsts if firsts[-1] == EventRef.of(event) else (*firsts, EventRef.of(event))
    confidence = share * sum(part.away_confidence for part in parts) / away
    return Episode("gaze", cited, numbers, min(confidence, 1.0), SUMMARY)


VERSIONS = {
    1: Rule(
        id="gaze_away",
        version=1,
        title="gaze away",
        summary="According to the gaze tracker, looked away from the screen for most of a time window.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.WARNING,
        event_types=frozenset({"eye_movement"}),
        settings=GazeAwaySettings,
        state=GazeAwayState,
        step=step,
        camera=True,
    )
}
