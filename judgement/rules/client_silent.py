"""Client silent: a client was connected and sent no events (docs/rules.md).

Reads `heartbeat_missed` of clients that were connected. A lost connection is no such silence and is never reported.
A client without other events sends `alive` every five seconds.

An episode begins with the `heartbeat_missed` and ends with it too: a later silence is another one.
"""

from collections.abc import Sequence

import msgspec

from judgement.notes import NoteSettings, NoteState, note
from judgement.rule import Episode, Rule, payload_reader
from protocol.events import StoredEvent
from protocol.flags import Severity

SUMMARY = "Connected, but no event arrived for at least {silent_s:.0f} s."
FALSE_ALARMS = (
    "A browser that slows down a hidden page or saves power; a computer that is overloaded or asleep while its network "
    "stays up; a program of the exam's own that does not send `alive`."
)


class _Missed(msgspec.Struct):
    """Payload of `heartbeat_missed`."""

    since: int
    connected: bool = False


_read = payload_reader(_Missed)


def step(state: NoteState, event: StoredEvent, settings: NoteSettings) -> Sequence[Episode]:
    """Report every silence of a connected client."""
    missed = _read(event.data)
    if missed is None or not missed.connected:
        return ()
    silent_s = max(event.time_ms - missed.since, 0) / 1000
    return note(state, event, settings, "silent", {"silent_s": silent_s}, SUMMARY)


VERSIONS = {
    1: Rule(
        id="client_silent",
        version=1,
        title="client silent",
        summary="Was connected for a while without sending any event. That time is not observed.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.NORMAL,
        event_types=frozenset({"heartbeat_missed"}),
        settings=NoteSettings,
        state=NoteState,
        step=step,
    )
}
