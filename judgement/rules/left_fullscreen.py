"""Left fullscreen: the exam was out of fullscreen for longer than a limit (docs/rules.md).

Reads `fullscreen_exit` and every later event of the same device; the first event past the limit completes the episode.
Only an exit begins an episode, so a student who was never in fullscreen raises no flag.

An episode begins with an exit and ends with `fullscreen_enter`. It is raised once, for any length. An exit reported by
another device replaces it.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from judgement.rule import NEVER, Episode, EventRef, Rule, RuleSettings, RuleState, Weight
from protocol.events import StoredEvent
from protocol.flags import Severity

SUMMARY = "Out of fullscreen for at least {out_s:.1f} s (limit {limit_s:.0f} s)."
FALSE_ALARMS = (
    "A page that was reloaded: browsers enter fullscreen again only after a click; the Escape key pressed to "
    "close a tooltip; a screen magnifier or a system dialog that forces windows out of fullscreen; a browser "
    "that does not allow fullscreen on this device."
)


class LeftFullscreenSettings(RuleSettings, frozen=True):
    """The longest time out of fullscreen without a flag."""

    weight: Weight = 0.1
    out_s: Annotated[int, Meta(ge=3, le=600, description="s; out of fullscreen for longer than this")] = 10


class LeftFullscreenState(RuleState):
    """The exit that no enter has followed yet. `wake_ms` is NEVER once the episode has been raised."""

    left: EventRef | None = None


def step(state: LeftFullscreenState, event: StoredEvent, settings: LeftFullscreenSettings) -> Sequence[Episode]:
    """Track leaving and entering fullscreen."""
    left = state.left
    if left is None or left.stream_id != event.stream_id:
        if event.type == "fullscreen_exit":
            state.left = EventRef.of(event)
            state.wake_ms = event.time_ms + settings.out_s * 1000
        return ()
    too_long = event.time_ms > state.wake_ms
    if event.type == "fullscreen_enter":
        state.left = None
    if event.type == "fullscreen_enter" or too_long:
        state.wake_ms = NEVER
    return (_episode(left, event, settings),) if too_long else ()


def _episode(left: EventRef, event: StoredEvent, settings: LeftFullscreenSettings) -> Episode:
    numbers = {"out_s": (event.time_ms - left.time_ms) / 1000, "limit_s": float(settings.out_s)}
    return Episode("out", (left, EventRef.of(event)), numbers, 0.8, SUMMARY)


VERSIONS = {
    1: Rule(
        id="left_fullscreen",
        version=1,
        title="left fullscreen",
        summary="Was out of fullscreen for a long time.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.WARNING,
        event_types=frozenset({"fullscreen_exit", "fullscreen_enter"}),
        settings=LeftFullscreenSettings,
        state=LeftFullscreenState,
        step=step,
    )
}
