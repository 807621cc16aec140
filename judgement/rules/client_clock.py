"""Client clock: the clock of the student's computer did not run as the server's (docs/rules.md).

Reads `clock_mismatch`, which a server records while an attempt is evaluated. Times of events during the mismatch cannot
be trusted, so that time is unobserved.

An episode begins and ends with one `clock_mismatch`: a clock that goes wrong again is another one.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from judgement.notes import NoteSettings, NoteState, note
from judgement.rule import Episode, Rule, payload_reader
from protocol.events import StoredEvent
from protocol.flags import Severity

SUMMARIES: Final = {
    "slow": "The student's clock ran too slowly, or the network got slower, for at least {for_s:.0f} s.",
    "fast": "The student's clock ran too fast for at least {for_s:.0f} s.",
    "early": "The student's clock leapt ahead; its times are unusable for at least {for_s:.0f} s.",
}
FALSE_ALARMS = (
    "A network that gets slower and slower for half a minute; a hub or a database that cannot keep up; a computer that "
    "falls asleep for some seconds again and again; a server's clock that was set."
)


class _Mismatch(msgspec.Struct):
    """Payload of `clock_mismatch`."""

    kind: Literal["slow", "fast", "early"]
    from_ms: int = msgspec.field(name="from")
    to_ms: int = msgspec.field(name="to")


_read = payload_reader(_Mismatch)


def step(state: NoteState, event: StoredEvent, settings: NoteSettings) -> Sequence[Episode]:
    """Report every mismatch."""
    mismatch = _read(event.data)
    if mismatch is None:
        return ()
    for_s = max(mismatch.to_ms - mismatch.from_ms, 0) / 1000
    return note(state, event, settings, mismatch.kind, {"for_s": for_s}, SUMMARIES[mismatch.kind])


VERSIONS = {
    1: Rule(
        id="client_clock",
        version=1,
        title="client clock",
        summary="The clock of the student's computer did not run as the server's. That time is not observed.",
        false_alarms=FALSE_ALARMS,
        severity=Severity.NORMAL,
        event_types=frozenset({"clock_mismatch"}),
        settings=NoteSettings,
        state=NoteState,
        step=step,
    )
}
