"""Left, then pasted: text was pasted soon after returning to the page, or during an absence (docs/rules.md).

Reads leaving and returning (`judgement.page_focus`), `paste` with its number of characters, and `copy` and `cut`. A
`paste` is also text that was dropped or that a program inserted; text that was moved inside the page is ignored. Text
pasted after a `copy` or `cut` comes from the page itself, so these clear the return before them. Leaving, returning and
pasting must come from the same device.

An episode is one absence. It is raised at the first paste that is large enough and soon enough, and ends with the next
absence. Further pastes add nothing.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from judgement.page_focus import LEAVING, RETURNING, FlickerMs, is_same_device, track_absence
from judgement.rule import Episode, EventRef, Rule, RuleSettings, RuleState, Weight, payload_reader
from protocol.events import MOVED, Paste, StoredEvent
from protocol.flags import Severity

AFTER = "Pasted {chars:.0f} characters {after_s:.1f} s after coming back to the page (limit {limit_s:.0f} s)."
AWAY = "Pasted {chars:.0f} characters while away from the page."
CONFIDENCE = 0.9

_OWN_TEXT = frozenset({"copy", "cut"})
_MOST_CHARS = 10**9
_read_paste = payload_reader(Paste)
FALSE_ALARMS = (
    "The student's own text, cut before a notification took the focus; a permitted source, such as a "
    "formula sheet in another window; dictation, translation or accessibility software that types by pasting."
)


class LeftThenPastedSettings(RuleSettings, frozen=True):
    """The size of a paste, and the time from the return to the paste."""

    weight: Weight = 0.35
    chars: Annotated[int, Meta(ge=1, le=10_000, description="characters; a smaller paste is ignored")] = 20
    within_s: Annotated[int, Meta(ge=1, le=300, description="s; from the return to the paste")] = 15
    flicker_ms: FlickerMs = 500


class Trip(msgspec.Struct, frozen=True):
    """An absence that has ended: the events that began and ended it."""

    left: EventRef
    back: EventRef


class LeftThenPastedState(RuleState):
    """The current absence, the last one that has ended, and the one that was reported."""

    away: EventRef | None = None
    trip: Trip | None = None
    reported: EventRef | None = None


def step(state: LeftThenPastedState, event: StoredEvent, settings: LeftThenPastedSettings) -> Sequence[Episode]:
    """Track absences, and check what is pasted after them."""
    if event.type == "paste":
        return _check_paste(state, event, settings)
    if event.type in _OWN_TEXT:
        if state.trip is not None and is_same_device(state.trip.back, event):
            state.trip = None
        return ()
    away = state.away
    state.away = track_absence(away, event)
    if away is not None and state.away is None and event.time_ms - away.time_ms > settings.flicker_ms:
        state.trip = Trip(away, EventRef.of(event))
    return ()


def _check_paste(state: LeftThenPastedState, event: StoredEvent, settings: LeftThenPastedSettings) -> Sequence[Episode]:
    paste = _read_paste(event.data)
    if paste is None or paste.chars < settings.chars or paste.how == MOVED:
        return ()
    cited = _cited_while_away(state, event, settings) or _cited_after_return(state, event, settings)
    if not cited or cited[0] == state.reported:
        return ()
    state.reported, state.trip = cited[0], None
    return (_episode(cited, paste, event, settings),)


def _cited_while_away(
    state: LeftThenPastedState, event: StoredEvent, settings: LeftThenPastedSettings
) -> tuple[EventRef, ...]:
    away = state.away
    if away is None or not is_same_device(away, event) or event.time_ms - away.time_ms <= settings.flicker_ms:
        return ()
    return (away, EventRef.of(event))


def _cited_after_return(
    state: LeftThenPastedState, event: StoredEvent, settings: LeftThenPastedSettings
) -> tuple[EventRef, ...]:
    trip = state.trip
    if trip is None or not is_same_device(trip.back, event):
        return ()
    if not 0 <= event.time_ms - trip.back.time_ms <= settings.within_s * 1000:
        return ()
    return (trip.left, trip.back, EventRef.of(event))


def _episode(
    cited: tuple[EventRef, ...], paste: Paste, event: StoredEvent, settings: LeftThenPastedSettings
) -> Episode:
    numbers = {"chars": float(min(paste.chars, _MOST_CHARS)), "limit_chars": float(settings.chars)}
    if len(cited) == 2:
        return Episode("pasted", cited, numbers, CONFIDENCE, AWAY)
    numbers |= {"after_s": (event.time_ms - cited[1].time_ms) / 1000, "limit_s": float(settings.within_s)}
    return Episode("pasted", cited, numbers, CONFIDENCE, AFTER)


VERSIONS = {
    1: Rule(
        id="left_then_pasted",
        version=1,
        title="left, then pasted",
        summary="Pasted text soon after returning to the page, or while away from it.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.CRITICAL,
        event_types=LEAVING | RETURNING | _OWN_TEXT | {"paste"},
        settings=LeftThenPastedSettings,
        state=LeftThenPastedState,
        step=step,
    )
}
