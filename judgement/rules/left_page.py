"""Left the page: often within a short time, or once for long.

Sees: `window_blur` and `tab_hidden` as leaving, `window_focus` and `tab_visible` as returning, both of one switch as
one leave (`judgement.page_focus`). A leave counts once it is longer than flicker. While it lasts, every later event of
the same device is seen too, `alive` at the latest after five seconds: the first event past the limit ends the episode.
A server's event, such as `connection_lost`, does not make an absence longer.

An episode of being away for long ends with the return. An episode of leaving often ends `within_s` after the leave that
completed it; leaves until then belong to it, and leaves after it count anew.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, field

from judgement.page_focus import LEAVING, RETURNING, FlickerMs, track_absence
from judgement.rule import NEVER, Episode, EventRef, Rule, RuleSettings, RuleState, Weight
from protocol.events import StoredEvent
from protocol.flags import Severity

OFTEN = "Left the page {times:.0f} times within {span_s:.0f} s (limit {limit:.0f} times in {within_s:.0f} s)."
LONG = "Away from the page for at least {away_s:.1f} s (limit {limit_s:.0f} s)."
CONFIDENCE = 0.8
FALSE_ALARMS = (
    "A notification, a password manager or a battery warning that takes the focus; a screen reader or an "
    "input method that opens a window of its own; a click into an embedded frame or the address bar; a laptop"
    " lid closed and opened; a second monitor switched off, which moves windows; a client that was reloaded "
    "and does not say that it is back."
)


class Settings(RuleSettings, frozen=True):
    """How often is often, how long is long."""

    weight: Weight = 0.15
    times: Annotated[int, Meta(ge=2, le=20, description="leaves within the window")] = 3
    within_s: Annotated[int, Meta(ge=30, le=3_600, description="s; the window")] = 300
    away_s: Annotated[int, Meta(ge=5, le=600, description="s; away at once for longer than this")] = 20
    flicker_ms: FlickerMs = 500


class State(RuleState):
    """The absence that lasts and what it has led to, the leaves counted, and the one that completed an episode."""

    away: EventRef | None = None
    is_counted: bool = False
    is_long: bool = False
    leaves: list[EventRef] = field(default_factory=list)
    often: EventRef | None = None


def step(state: State, event: StoredEvent, settings: Settings) -> Sequence[Episode]:
    """Follow the absences, count them, and measure the one that lasts."""
    away = state.away
    episodes: list[Episode] = []
    if away is not None and away.stream_id == event.stream_id:
        away_ms = event.time_ms - away.time_ms
        if not state.is_counted and away_ms > settings.flicker_ms:
            state.is_counted = True
            episodes += _count(state, away, event, settings)
        if not state.is_long and away_ms > settings.away_s * 1000:
            state.is_long = True
            numbers = {"away_s": away_ms / 1000, "limit_s": float(settings.away_s)}
            episodes.append(Episode("long", (away, EventRef.of(event)), numbers, CONFIDENCE, LONG))
    state.away = track_absence(away, event)
    if state.away is not away:
        state.is_counted = state.is_long = False
    state.wake_ms = _next_look(state, settings)
    return episodes


def _count(state: State, leave: EventRef, event: StoredEvent, settings: Settings) -> Sequence[Episode]:
    """Add a leave to those within the window, and report them when they are many."""
    within_ms = settings.within_s * 1000
    if state.often is not None and abs(leave.time_ms - state.often.time_ms) <= within_ms:
        return ()
    # By distance, not by order: several devices' facts interleave, so time may step back.
    near = [mark for mark in state.leaves if abs(leave.time_ms - mark.time_ms) <= within_ms]
    state.leaves = [*near, leave]
    if len(state.leaves) < settings.times:
        return ()
    episode = _often(state.leaves, event, settings)
    state.often, state.leaves = leave, []
    return (episode,)


def _often(leaves: Sequence[EventRef], event: StoredEvent, settings: Settings) -> Episode:
    moments = [mark.time_ms for mark in leaves]
    numbers = {
        "times": float(len(leaves)),
        "span_s": (max(moments) - min(moments)) / 1000,
        "limit": float(settings.times),
        "within_s": float(settings.within_s),
    }
    return Episode("often", (*leaves, EventRef.of(event)), numbers, CONFIDENCE, OFTEN)


def _next_look(state: State, settings: Settings) -> int:
    if state.away is None or state.is_long:
        return NEVER
    return state.away.time_ms + (settings.away_s * 1000 if state.is_counted else settings.flicker_ms)


VERSIONS = {
    1: Rule(
        id="left_page",
        version=1,
        title="left the page",
        summary="Left the page often within a short time, or once for long.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.WARNING,
        event_types=LEAVING | RETURNING,
        settings=Settings,
        state=State,
        step=step,
    )
}
