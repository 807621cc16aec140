"""Left, then pasted: text came in right after coming back from elsewhere, or while away.

Sees: leaving and returning (`judgement.page_focus`), `paste` with its number of characters, and `copy` and `cut`. Text
pasted after a `copy` or `cut` is the page's own text, so these clear the return before them. Leaving, returning and
pasting must come from the same device.

An episode is one leave: it is raised at the first paste that is large enough and soon enough, and ends with the next
leave. Pastes after it, however many, add nothing.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from judgement.page_focus import LEAVING, RETURNING, FlickerMs, follow, is_of
from judgement.rule import Episode, Mark, Rule, RuleSettings, RuleState, Weight, payload_reader
from protocol.events import Paste, StoredEvent
from protocol.flags import Severity

AFTER = "Pasted {chars:.0f} characters {after_s:.1f} s after coming back to the page (limit {limit_s:.0f} s)."
AWAY = "Pasted {chars:.0f} characters while away from the page."
CONFIDENCE = 0.9

_OWN_TEXT = frozenset({"copy", "cut"})
_MOST_CHARS = 10**9
_read_paste = payload_reader(Paste)
FALSE_ALARMS = (
    "The candidate's own text, cut before a notification took the focus; a permitted source, such as a "
    "formula sheet in another window; dictation, translation or accessibility software that types by pasting."
)


class Settings(RuleSettings, frozen=True):
    """How much is much, how soon is soon."""

    weight: Weight = 0.35
    chars: Annotated[int, Meta(ge=1, le=10_000, description="characters; a smaller paste is not looked at")] = 20
    within_s: Annotated[int, Meta(ge=1, le=300, description="s; from coming back to the paste")] = 15
    flicker_ms: FlickerMs = 500


class Trip(msgspec.Struct, frozen=True):
    """A leave that is over: where it began and where it ended."""

    left: Mark
    back: Mark


class State(RuleState):
    """The absence that lasts, the last one that is over, and the one that was reported."""

    away: Mark | None = None
    trip: Trip | None = None
    reported: Mark | None = None


def step(state: State, fact: StoredEvent, settings: Settings) -> Sequence[Episode]:
    """Follow the absences, and look at what is pasted after them."""
    if fact.type == "paste":
        return _judge(state, fact, settings)
    if fact.type in _OWN_TEXT:
        if state.trip is not None and is_of(state.trip.back, fact):
            state.trip = None
        return ()
    away = state.away
    state.away = follow(away, fact)
    if away is not None and state.away is None and fact.time_ms - away.time_ms > settings.flicker_ms:
        state.trip = Trip(away, Mark.of(fact))
    return ()


def _judge(state: State, fact: StoredEvent, settings: Settings) -> Sequence[Episode]:
    paste = _read_paste(fact.data)
    if paste is None or paste.chars < settings.chars:
        return ()
    cited = _while_away(state, fact, settings) or _after_return(state, fact, settings)
    if not cited or cited[0] == state.reported:
        return ()
    state.reported, state.trip = cited[0], None
    return (_episode(cited, paste, fact, settings),)


def _while_away(state: State, fact: StoredEvent, settings: Settings) -> tuple[Mark, ...]:
    away = state.away
    if away is None or not is_of(away, fact) or fact.time_ms - away.time_ms <= settings.flicker_ms:
        return ()
    return (away, Mark.of(fact))


def _after_return(state: State, fact: StoredEvent, settings: Settings) -> tuple[Mark, ...]:
    trip = state.trip
    if trip is None or not is_of(trip.back, fact):
        return ()
    if not 0 <= fact.time_ms - trip.back.time_ms <= settings.within_s * 1000:
        return ()
    return (trip.left, trip.back, Mark.of(fact))


def _episode(cited: tuple[Mark, ...], paste: Paste, fact: StoredEvent, settings: Settings) -> Episode:
    numbers = {"chars": float(min(paste.chars, _MOST_CHARS)), "limit_chars": float(settings.chars)}
    if len(cited) == 2:
        return Episode("pasted", cited, numbers, CONFIDENCE, AWAY)
    numbers |= {"after_s": (fact.time_ms - cited[1].time_ms) / 1000, "limit_s": float(settings.within_s)}
    return Episode("pasted", cited, numbers, CONFIDENCE, AFTER)


VERSIONS = {
    1: Rule(
        id="left_then_pasted",
        version=1,
        title="left, then pasted",
        summary="Pasted text right after coming back from elsewhere, or while away.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.CRITICAL,
        hears=LEAVING | RETURNING | _OWN_TEXT | {"paste"},
        settings=Settings,
        state=State,
        step=step,
    )
}
