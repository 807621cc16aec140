"""What a rule is made of: settings, a state, a step, and the episodes it reports.

A rule is a pure fold over the facts of one attempt. It never looks at a clock, at another rule or at another attempt:
time reaches it only as `StoredEvent.time_ms`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, Self, TypeVar
from uuid import UUID

import msgspec

from protocol.events import StoredEvent
from protocol.flags import Severity

NEVER: Final = 2**62
"""A rule time that does not come."""

Weight = Annotated[float, msgspec.Meta(ge=0, le=1, description="how much one sure flag lowers integrity")]


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every rule can be told. A rule adds its own, each with a unit in its name, a range and a description."""

    on: bool = True
    weight: Weight = 0.1


class RuleState(msgspec.Struct, kw_only=True):
    """What a rule remembers between two facts: bounded, and encodable by msgspec.

    Once rule time is past `wake_ms`, the next fact of a client is shown to the rule whatever its type is.
    So something that lasts is concluded while it lasts.
    """

    wake_ms: int = NEVER


class EventRef(msgspec.Struct, frozen=True):
    """Where a fact stands, and its rule time in ms."""

    stream_id: UUID
    seq: int
    time_ms: int

    @classmethod
    def of(cls, event: StoredEvent) -> Self:
        """Mark a fact."""
        return cls(event.stream_id, event.seq, event.time_ms)


class Episode(msgspec.Struct, frozen=True):
    """One occurrence a rule reports, once.

    `kind` and the first cited fact are its identity. The last cited fact is the one that concluded it.
    `summary` is a template in plain words over `numbers`; `confidence`, 0..1, says how surely the facts show
    what the summary says, not how guilty anyone is.
    """

    kind: str
    cited: tuple[EventRef, ...]
    numbers: dict[str, float]
    confidence: float
    summary: str

    @property
    def key(self) -> str:
        """What names this episode, the same at every replay."""
        first = self.cited[0]
        return f"{self.kind}:{first.stream_id}:{first.seq}"


SettingsT = TypeVar("SettingsT", bound=RuleSettings)
StateT = TypeVar("StateT", bound=RuleState)
_PayloadT = TypeVar("_PayloadT")


class Rule(msgspec.Struct, Generic[SettingsT, StateT], frozen=True, kw_only=True):
    """One version of one rule.

    `title` and `summary` say in plain words what it reports, `false_alarms` what honest people do that looks the same:
    they are shown with its flags. `event_types` are the types it receives. `step` may change the state
    it is given and returns the episodes that this fact completes; it takes any fact and never raises. `camera` rules
    rest on what a camera or a microphone concluded: off unless an exam asks for them, and at most warnings.
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
        """Make the state before the first fact."""
        return self.state()

    def weigh(self, settings: RuleSettings) -> float:
        """Give the rule's weight in scores, 0..1; a note weighs nothing whatever the policy says."""
        return 0.0 if self.severity is Severity.NORMAL else settings.weight


def payload_reader(shape: type[_PayloadT]) -> Callable[[bytes], _PayloadT | None]:
    """Make a reader of `StoredEvent.data`. A payload that does not fit reads as None: never trusted, never an error."""
    decode = msgspec.json.Decoder(shape).decode

    def read(data: bytes) -> _PayloadT | None:
        try:
            return decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    return read
