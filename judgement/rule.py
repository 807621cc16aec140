"""The parts of a rule: settings, state, step function, and the episodes that it reports (docs/rules.md).

A rule is a pure fold over the events of one attempt. It never uses a clock, another rule or another attempt: it gets
the time only as `StoredEvent.time_ms`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, Self, TypeVar
from uuid import UUID

import msgspec

from protocol.events import StoredEvent
from protocol.flags import Severity

NEVER: Final = 2**62
"""A rule time that is never reached."""

Weight = Annotated[float, msgspec.Meta(ge=0, le=1, description="how much one sure flag lowers integrity")]


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of every rule. A rule adds its own, each with a unit in its name, a range and a description."""

    on: bool = True
    weight: Weight = 0.1


class RuleState(msgspec.Struct, kw_only=True):
    """The state of a rule between two events: of bounded size, and encodable by msgspec.

    Once rule time has passed `wake_ms`, the rule gets the client's next event of any type. So a lasting state is
    reported while it lasts.
    """

    wake_ms: int = NEVER


class EventRef(msgspec.Struct, frozen=True):
    """A reference to an event: stream, sequence number and rule time in ms."""

    stream_id: UUID
    seq: int
    time_ms: int

    @classmethod
    def of(cls, event: StoredEvent) -> Self:
        """Make the reference to an event."""
        return cls(event.stream_id, event.seq, event.time_ms)


class Episode(msgspec.Struct, frozen=True):
    """One occurrence that a rule reports, once.

    `kind` and the first cited event identify it. The last cited event completed it. `summary` is a text template with
    the names of `numbers`. `confidence`, 0..1, says how surely the events show what the summary says, not how likely
    cheating is.
    """

    kind: str
    cited: tuple[EventRef, ...]
    numbers: dict[str, float]
    confidence: float
    summary: str

    @property
    def key(self) -> str:
        """Return the identity of this episode, which is the same in every replay."""
        first = self.cited[0]
        return f"{self.kind}:{first.stream_id}:{first.seq}"


SettingsT = TypeVar("SettingsT", bound=RuleSettings)
StateT = TypeVar("StateT", bound=RuleState)
_PayloadT = TypeVar("_PayloadT")


class Rule(msgspec.Struct, Generic[SettingsT, StateT], frozen=True, kw_only=True):
    """One version of one rule.

    `title` and `summary` say in plain words what it reports, and `false_alarms` what else looks the same; all three are
    shown with its flags. `event_types` are the types that it gets. `step` may change the state and returns the episodes
    that this event completes; it accepts any event and never raises. `camera` rules use what a camera or a microphone
    reported: they are off unless an exam turns them on, and raise warnings at most.
    """

    id: str
    version: int
    title: str
    severity: Severity
    event_types: frozenset[str]
    settings: type[SettingsT]
    state: type[StateT]
    step: Callable[[StateT, StoredEvent, SettingsT], Sequence[Episode]]
    camera: bool = False
    summary: str = ""
    false_alarms: str = ""

    def begin(self) -> StateT:
        """Return the state before the first event."""
        return self.state()

    def weigh(self, settings: RuleSettings) -> float:
        """Return the rule's weight in scores, 0..1. A note weighs nothing under any policy."""
        return 0.0 if self.severity is Severity.NORMAL else settings.weight


def payload_reader(shape: type[_PayloadT]) -> Callable[[bytes], _PayloadT | None]:
    """Make a reader of `StoredEvent.data`. It returns None for a payload that does not fit, and never raises."""
    decode = msgspec.json.Decoder(shape).decode

    def read(data: bytes) -> _PayloadT | None:
        try:
            return decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    return read
