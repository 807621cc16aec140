"""Never connected: a monitored attempt was submitted although no client of it ever connected (docs/rules.md).

Reads `submitted` with `unobserved`, which servers record. An attempt whose connection an invigilator waived is never
reported.

An episode begins with the submission and ends with it.
"""

from collections.abc import Sequence

import msgspec

from judgement.notes import NoteSettings, NoteState, note
from judgement.rule import Episode, Rule, payload_reader
from protocol.events import StoredEvent
from protocol.flags import Severity

SUMMARY = "Submitted without ever being connected. Nothing was observed."
FALSE_ALARMS = (
    "A network that blocks the connection while no invigilator was asked; a student who submitted an empty attempt "
    "at once."
)


class _Submitted(msgspec.Struct):
    """Payload of `submitted`."""

    unobserved: bool = False


_read = payload_reader(_Submitted)


def step(state: NoteState, event: StoredEvent, settings: NoteSettings) -> Sequence[Episode]:
    """Report a submission of an attempt to which no client connected."""
    submitted = _read(event.data)
    if submitted is None or not submitted.unobserved:
        return ()
    return note(state, event, settings, "unobserved", {}, SUMMARY)


VERSIONS = {
    1: Rule(
        id="never_connected",
        version=1,
        title="never connected",
        summary="Submitted the exam although the exam page was never connected. Nothing was observed.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.NORMAL,
        event_types=frozenset({"submitted"}),
        settings=NoteSettings,
        state=NoteState,
        step=step,
    )
}
