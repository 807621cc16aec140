"""Stage 7 of 9: pass events to the rules, one at a time, and return findings (docs/path-of-an-event.md).

The engine is a pure fold: the same events in the same order give the same findings, for any split into batches, and
wherever a state is saved and loaded. It never decodes a payload, reads a clock or does I/O. A rule sees only events, so
its findings do not depend on which other rules are on.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from judgement.errors import StateError
from judgement.policy import Policy
from judgement.rule import NEVER, Episode, Rule, RuleSettings, RuleState
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook
from protocol.events import CLIENT_EVENTS, StoredEvent
from protocol.flags import Severity


class Finding(msgspec.Struct, frozen=True):
    """One episode, as a rule reports it. `cited` are its events as (stream, sequence number).

    The first cited event began the episode, the last one completed it.
    """

    rule: str
    rule_version: int
    episode_key: str
    severity: Severity
    confidence: float
    summary: str
    numbers: dict[str, float]
    cited: tuple[tuple[UUID, int], ...]


class State(msgspec.Struct):
    """The states of all rules that are on, for one attempt. `wake_ms` is the earliest of theirs."""

    rules: dict[str, RuleState]
    wake_ms: int = NEVER


class _SavedState(msgspec.Struct, array_like=True, frozen=True):
    """One rule's state in a checkpoint."""

    version: int
    state: msgspec.Raw


class Engine:
    """Runs the rules of one policy for any number of attempts. It keeps no state of an attempt.

    Uses the rulebook that the policy names. Raises UnsupportedRulebook if `rulebooks` does not have that version.
    """

    def __init__(self, policy: Policy, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> None:
        self._rules: dict[str, tuple[Rule[Any, Any], RuleSettings]] = {
            rule.id: (rule, policy.rules[rule.id])
            for rule in read_rulebook(policy.rulebook, rulebooks)
            if policy.rules[rule.id].on
        }
        self._rules_by_type: dict[str, list[str]] = {}
        for rule, _ in self._rules.values():
            for event_type in rule.event_types:
                self._rules_by_type.setdefault(event_type, []).append(rule.id)

    def begin(self) -> State:
        """Return the state before the first event."""
        return State({rule_id: rule.begin() for rule_id, (rule, _) in self._rules.items()})

    def step(self, state: State, event: StoredEvent) -> list[Finding]:
        """Fold one event into `state`, in place, and return the findings. Accepts any event and never raises.

        A rule gets the event types that it names. Once rule time has passed its `wake_ms`, it gets the next event of a
        client (a type in `CLIENT_EVENTS`) too. A server's event has a server's time and wakes no rule.
        """
        is_waking = event.time_ms > state.wake_ms and event.type in CLIENT_EVENTS
        listeners = self._rules_by_type.get(event.type, ())
        if not listeners and not is_waking:
            return []
        findings = []
        for rule_id in self._rules if is_waking else listeners:
            rule_state = state.rules[rule_id]
            if rule_id in listeners or event.time_ms > rule_state.wake_ms:
                rule, settings = self._rules[rule_id]
                findings += [_find(rule, episode) for episode in rule.step(rule_state, event, settings)]
        state.wake_ms = _earliest(state.rules)
        return findings

    def encode(self, state: State) -> bytes:
        """Encode a state for a checkpoint."""
        versions = {rule_id: rule.version for rule_id, (rule, _) in self._rules.items()}
        return msgspec.msgpack.encode({rule_id: (versions[rule_id], saved) for rule_id, saved in state.rules.items()})

    def decode(self, data: bytes) -> State:
        """Decode a state; `b""` is the state before the first event. Raises StateError for bytes that are no state.

        A rule that is missing in the bytes, or has another version there, begins with an empty state. A rule that is no
        longer on is left out.
        """
        state = self.begin()
        try:
            saved = msgspec.msgpack.decode(data, type=dict[str, _SavedState]) if data else {}
            for rule_id, (rule, _) in self._rules.items():
                if rule_id in saved and saved[rule_id].version == rule.version:
                    state.rules[rule_id] = msgspec.msgpack.decode(saved[rule_id].state, type=rule.state)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise StateError(str(error)) from error
        state.wake_ms = _earliest(state.rules)
        return state


def _earliest(states: dict[str, RuleState]) -> int:
    return min([state.wake_ms for state in states.values()], default=NEVER)


def _find(rule: Rule[Any, Any], episode: Episode) -> Finding:
    return Finding(
        rule=rule.id,
        rule_version=rule.version,
        episode_key=episode.key,
        severity=rule.severity,
        confidence=episode.confidence,
        summary=episode.summary.format(**episode.numbers),
        numbers=episode.numbers,
        cited=tuple((ref.stream_id, ref.seq) for ref in episode.cited),
    )
