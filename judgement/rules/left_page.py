"""Left the page: often within a short time, or once for a long time (docs/rules.md).

Reads `window_blur` and `tab_hidden` as leaving, `window_focus` and `tab_visible` as returning, and both signs of one
switch as one absence (`judgement.page_focus`). An absence counts once it is longer than flicker. While it lasts, the
rule gets every later event of the same device, `alive` at the latest after five seconds; the first event past the limit
completes the episode. A server's event, such as `connection_lost`, does not make an absence longer.

An episode `long` ends with the return. An episode `often` ends `within_s` after the absence that completed it: absences
until then belong to it, and later ones are counted from zero.
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
    "input method that opens its own window; a click into an embedded frame or the address bar; a laptop "
    "lid closed and opened; a second monitor switched off, which moves windows; a page that was reloaded "
    "and does not report that it is back."
)


class LeftPageSettings(RuleSettings, frozen=True):
    """The limits for absences: number within a window, and length."""

    weight: Weight = 0.15
    times: Annotated[int, Meta(ge=2, le=20, description="leaves within the window")] = 3
    within_s: Annotated[int, Meta(ge=30, le=3_600, description="s; the window")] = 300
    away_s: Annotated[int, Meta(ge=5, le=600, description="s; away at once for longer than this")] = 20
    flicker_ms: FlickerMs = 500


class LeftPageState(RuleState):
    """The current absence and what it has led to, the counted absences, and the one that completed an episode."""

    away: EventRef | None = None
    is_counted: bool = False
    is_long: bool = False
    leaves: list[EventRef] = field(default_factory=list)
    often: EventRef | None = None


def step(state: LeftPageState, event: StoredEvent, settings: LeftPageSettings) -> Sequence[Episode]:
    """Track absences, count them, and measure the current one."""
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
    state.wake_ms = _wake_ms(state, settings)
    return episodes


def _count(
    state: LeftPageState, absence: EventRef, event: StoredEvent, settings: LeftPageSettings
) -> Sequence[Episode]:
    """Add an absence to those within the window, and report them if there are enough."""
    within_ms = settings.within_s * 1000
    if state.often is not None and abs(absence.time_ms - state.often.time_ms) <= within_ms:
        return ()
    # By distance, not by order: events of several devices are mixed, so time may go back.
    near = [ref for ref in state.leaves if abs(absence.time_ms - ref.time_ms) <= within_ms]
    state.leaves = [*near, absence]
    if len(state.leaves) < settings.times:
        return ()
    episode = _often(state.leaves, event, settings)
    state.often, state.leaves = absence, []
    return (episode,)


def _often(leaves: Sequence[EventRef], event: StoredEvent, settings: LeftPageSettings) -> Episode:
    moments = [ref.time_ms for ref in leaves]
    numbers = {
        "times": float(len(leaves)),
        "span_s": (max(moments) - min(moments)) / 1000,
        "limit": float(settings.times),
        "within_s": float(settings.within_s),
    }
    return Episode("often", (*leaves, EventRef.of(event)), numbers, CONFIDENCE, OFTEN)


def _wake_ms(state: LeftPageState, settings: LeftPageSettings) -> int:
    if state.away is None or state.is_long:
        return NEVER
    return state.away.time_ms + (settings.away_s * 1000 if state.is_counted else settings.flicker_ms)


VERSIONS = {
    1: Rule(
        id="left_page",
        version=1,
        title="left the page",
        summary="Left the page often within a short time, or once for a long time.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.WARNING,
        event_types=LEAVING | RETURNING,
        settings=LeftPageSettings,
        state=LeftPageState,
        step=step,
    )
}
