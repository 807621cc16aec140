"""Events missing: events of this attempt never arrived, or arrived twice with different contents (docs/rules.md).

Reads `events_lost` (unless a server can prove that the loss is its own), `stream_abandoned` and `altered_resend`. None
of them says what the missing events were, or who is to blame.

An episode begins and ends with one such event.
"""

from collections.abc import Sequence

import msgspec

from judgement.notes import NoteSettings, NoteState, note
from judgement.rule import Episode, Rule, payload_reader
from protocol.events import SERVER_LOST, UNPROVEN_ACK, StoredEvent
from protocol.flags import Severity

LOST = "{events:.0f} events were lost before they arrived."
UNPROVEN = "{events:.0f} events are missing; the client says that a server had them, without proof."
ABANDONED = "The student's client started with a new queue; what the old one still held is unknown."
ALTERED = "{events:.0f} events were sent again with different contents. The first ones count."
FALSE_ALARMS = (
    "A storage that was full or cleared by the browser; a private window that was closed; a change to another computer "
    "or browser during the exam; a computer that was restored from a backup."
)


class _Lost(msgspec.Struct):
    """Payload of `events_lost`."""

    first: int = msgspec.field(name="from")
    reason: str = ""


class _Altered(msgspec.Struct):
    """Payload of `altered_resend`."""

    seqs: list[int]


_read_lost = payload_reader(_Lost)
_read_altered = payload_reader(_Altered)


def step(state: NoteState, event: StoredEvent, settings: NoteSettings) -> Sequence[Episode]:
    """Report what is missing."""
    if event.type == "stream_abandoned":
        return note(state, event, settings, "abandoned", {}, ABANDONED)
    if event.type == "altered_resend":
        altered = _read_altered(event.data)
        if altered is None:
            return ()
        return note(state, event, settings, "altered", {"events": float(len(altered.seqs))}, ALTERED)
    lost = _read_lost(event.data) if event.type == "events_lost" else None
    if lost is None or lost.reason == SERVER_LOST:
        return ()
    # Limited, because a float has no room for any integer.
    numbers = {"events": float(min(max(event.seq - lost.first + 1, 1), 2**53))}
    return note(state, event, settings, "lost", numbers, UNPROVEN if lost.reason == UNPROVEN_ACK else LOST)


VERSIONS = {
    1: Rule(
        id="events_missing",
        version=1,
        title="events missing",
        summary="Events never arrived, or were sent again with different contents.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.NORMAL,
        event_types=frozenset({"events_lost", "stream_abandoned", "altered_resend"}),
        settings=NoteSettings,
        state=NoteState,
        step=step,
    )
}
