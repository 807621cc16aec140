"""Two places: the paper was read or submitted from another place than that of the open connection (docs/rules.md).

Reads `second_place`, which servers record. A place is a keyed hash of a network address and a program; two of them are
no proof of help. An attempt that moves from one place to another is never reported.

An episode begins with the `second_place` and ends with it too: a later one is another episode.
"""

from collections.abc import Sequence

from judgement.notes import NoteSettings, NoteState, note
from judgement.rule import Episode, Rule
from protocol.events import StoredEvent
from protocol.flags import Severity

SUMMARY = "The paper was read or submitted from another place while the exam page was connected."
FALSE_ALARMS = (
    "A computer that uses IPv4 and IPv6 side by side, or a phone with two networks; a second browser on the same "
    "computer; a program of the exam's own whose requests and socket name different programs."
)


def step(state: NoteState, event: StoredEvent, settings: NoteSettings) -> Sequence[Episode]:
    """Report every second place."""
    return note(state, event, settings, "second", {}, SUMMARY)


VERSIONS = {
    1: Rule(
        id="two_places",
        version=1,
        title="two places",
        summary="The paper was open in two places at once. This says nothing about the reason.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.NORMAL,
        event_types=frozenset({"second_place"}),
        settings=NoteSettings,
        state=NoteState,
        step=step,
    )
}
