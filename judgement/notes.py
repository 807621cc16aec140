"""Parts of rules that report notes from servers' events: their settings, and how many notes one attempt gets.

It raises nothing itself. A note has severity `normal` and weighs nothing.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from judgement.rule import Episode, EventRef, RuleSettings, RuleState, Weight
from protocol.events import StoredEvent

Most = Annotated[int, msgspec.Meta(ge=1, le=100, description="notes; later ones of the same attempt are left out")]


class NoteSettings(RuleSettings, frozen=True):
    """The settings of a rule that raises notes only. A note weighs nothing."""

    weight: Weight = 0.0
    most: Most = 5


class NoteState(RuleState):
    """The number of notes so far."""

    notes: int = 0


def note(
    state: NoteState, event: StoredEvent, settings: NoteSettings, kind: str, numbers: dict[str, float], summary: str
) -> Sequence[Episode]:
    """Report one event as a note, unless there are enough already."""
    if state.notes >= settings.most:
        return ()
    state.notes += 1
    return (Episode(kind, (EventRef.of(event),), numbers, 0.9, summary),)
