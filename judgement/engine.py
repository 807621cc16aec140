"""Stage 7 of 9: facts become findings, one fact at a time (docs/path-of-an-event.md).

The engine is a pure fold: the same facts in the same order give the same findings, however they are split into
batches and wherever a state is written down and read again. It never decodes a payload, looks at a clock or does I/O;
a rule sees only facts, so its findings do not depend on which other rules are on.
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
    """What a rule concluded: raised once per episode, resting on the cited places (stream, number).

    The first cited fact began the episode, the last one concluded it.
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
    """What the rules that are on remember of one attempt; `wake_ms` is the earliest of theirs."""

    rules: dict[str, RuleState]
    wake_ms: int = NEVER


class _Saved(msgspec.Struct, array_like=True, frozen=True):
    """One rule's state as it stands in a checkpoint."""

    version: int
    state: msgspec.Raw


class Engine:
    """The rules of one policy, ready to judge any number of attempts; holds nothing of any attempt itself.

    They are those of the policy's rulebook. Raises UnsupportedRulebook when `rulebooks` has none of that version.
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
        """Make the state before the first fact."""
        return State({rule_id: rule.begin() for rule_id, (rule, _) in self._rules.items()})

    def step(self, state: State, event: StoredEvent) -> list[Finding]:
        """Fold one fact into `state`, which is changed in place, and give what follows. Takes any fact, never raises.

        A rule is shown the types it hears. Once rule time is past a rule's `wake_ms`, the facts of clients (the types
        in `CLIENT_EVENTS`) wake it too; a server's fact carries a server's time and wakes nobody.
        """
        is_waking = event.time_ms > state.wake_ms and event.type in CLIENT_EVENTS
        listeners = self._rules_by_type.get(event.type, ())
        if not listeners and not is_waking:
            return []
        findings = []
        for rule_id in self._rules if is_waking else listeners:
            own = state.rules[rule_id]
            if rule_id in listeners or event.time_ms > own.wake_ms:
                rule, settings = self._rules[rule_id]
                findings += [_find(rule, episode) for episode in rule.step(own, event, settings)]
        state.wake_ms = _earliest(state.rules)
        return findings

    def encode(self, state: State) -> bytes:
        """Write a state down."""
        versions = {rule_id: rule.version for rule_id, (rule, _) in self._rules.items()}
        return msgspec.msgpack.encode({rule_id: (versions[rule_id], own) for rule_id, own in state.rules.items()})

    def decode(self, data: bytes) -> State:
        """Read a state; `b""` is the state before the first fact. Raises StateError for bytes that are no state.

        A rule that the bytes do not know, or know in another version, begins fresh; one that is no longer on is left
        out.
        """
        state = self.begin()
        try:
            saved = msgspec.msgpack.decode(data, type=dict[str, _Saved]) if data else {}
            for rule_id, (rule, _) in self._rules.items():
                if rule_id in saved and saved[rule_id].version == rule.version:
                    state.rules[rule_id] = msgspec.msgpack.decode(saved[rule_id].state, type=rule.state)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise StateError(str(error)) from error
        state.wake_ms = _earliest(state.rules)
        return state


def _earliest(states: dict[str, RuleState]) -> int:
    return min([own.wake_ms for own in states.values()], default=NEVER)


def _find(rule: Rule[Any, Any], episode: Episode) -> Finding:
    return Finding(
        rule=rule.id,
        rule_version=rule.version,
        episode_key=episode.key,
        severity=rule.severity,
        confidence=episode.confidence,
        summary=episode.summary.format(**episode.numbers),
        numbers=episode.numbers,
        cited=tuple((mark.stream_id, mark.seq) for mark in episode.cited),
    )
