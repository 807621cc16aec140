"""Stage 7 of 9, in the worker: pass claimed events to the engine, and keep the states of recent attempts in memory.

No I/O. A rule that raises an error affects only its own attempt.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from db.queries.evaluation.checkpoints import Checkpoint
from db.queries.evaluation.cursors import Advance, Cursor
from db.queries.evaluation.flags import NewFlag
from db.queries.events.system_events import ServerEvent
from judgement.engine import Engine, Finding, State
from judgement.errors import StateError
from judgement.observation.clock import ClockBreach
from judgement.observation.observation import Observation, observe
from judgement.policy import read_policy
from judgement.rules import RULEBOOKS, Rulebook
from protocol.events import StoredEvent

STATES_KEPT: Final = 20_000
POLICIES_KEPT: Final = 1_000

CHECKPOINT_EVENTS: Final = 256
CHECKPOINT_MS: Final = 10_000
"""A state is stored when it is this many events ahead of the stored one, or when the stored one is this old."""

_decode_observation: Final = msgspec.json.Decoder(Observation).decode

Positions = tuple[tuple[UUID, int], ...]
"""The last folded sequence number of each stream that has one, in the order of the streams."""


class Fold(msgspec.Struct, frozen=True):
    """The result of folding one attempt's next events: cursor advance, flags to raise, and the state after them."""

    advance: Advance
    flags: list[NewFlag]
    state: State
    positions: Positions
    breaches: list[ClockBreach] = []
    """Clock faults that these events show, to be recorded with them."""


class Folder:
    """Folds claimed attempts. Keeps engines by policy, and the states of recently folded attempts."""

    def __init__(
        self, rulebooks: Mapping[int, Rulebook] = RULEBOOKS, *, checkpoint_events: int = CHECKPOINT_EVENTS
    ) -> None:
        self._rulebooks = rulebooks
        self._checkpoint_events = checkpoint_events
        self._engines: OrderedDict[tuple[UUID, int], Engine] = OrderedDict()
        self._states: OrderedDict[UUID, tuple[Positions, State]] = OrderedDict()

    def take(self, cursor: Cursor) -> State | None:
        """Return the state exactly at this cursor, if it is in memory, and remove it from memory.

        A fold changes the state in place. If the fold is not committed, the changed state must not be used again.
        """
        positions, state = self._states.pop(cursor.attempt_id, (None, None))
        return state if positions == _positions(cursor, ()) else None

    def fold(self, cursor: Cursor, events: Sequence[StoredEvent], start: State | Checkpoint | None) -> Fold:
        """Fold an attempt's next events, from `start`, which is None if nothing has been folded yet.

        Raises the errors of a rule, an invalid policy or an invalid checkpoint.
        """
        engine = self._engine_of(cursor)
        state = engine.begin() if start is None else start
        if isinstance(state, Checkpoint):
            state = _refold(cursor, engine, state)
        found = [finding for event in events for finding in engine.step(state, event)]
        observation = read_observation(cursor)
        breaches = [] if observation is None else _observe_all(observation, events)
        # If events had to be read again, another worker folds this attempt too: store a state so that it reads fewer.
        is_due = isinstance(start, Checkpoint) or self._is_due(cursor, len(events))
        return Fold(
            advance=Advance(
                cursor,
                events,
                engine.encode(state) if is_due else None,
                None if observation is None else msgspec.json.encode(observation),
                None if observation is None else observation.last_ms,
            ),
            flags=[make_flag(finding, cursor.attempt_id, cursor.policy_version) for finding in found],
            state=state,
            positions=_positions(cursor, events),
            breaches=breaches,
        )

    def keep(self, fold: Fold) -> None:
        """Keep the state of a fold in memory. Call it only after COMMIT: a state must never be ahead of its cursor."""
        attempt_id = fold.advance.cursor.attempt_id
        self._states[attempt_id] = (fold.positions, fold.state)
        self._states.move_to_end(attempt_id)
        if len(self._states) > STATES_KEPT:
            self._states.popitem(last=False)

    def _is_due(self, cursor: Cursor, folded: int) -> bool:
        """Return whether the state is to be stored."""
        ahead = cursor.facts + folded - cursor.checkpoint_facts
        return ahead >= self._checkpoint_events or cursor.checkpoint_age_ms >= CHECKPOINT_MS or cursor.has_ended

    def _engine_of(self, cursor: Cursor) -> Engine:
        key = (cursor.policy_id, cursor.rulebook_version)
        engine = self._engines.get(key)
        if engine is None:
            policy = read_policy(cursor.policy, cursor.rulebook_version, self._rulebooks)
            engine = self._engines[key] = Engine(policy, self._rulebooks)
            if len(self._engines) > POLICIES_KEPT:
                self._engines.popitem(last=False)
        return engine


def read_observation(cursor: Cursor) -> Observation | None:
    """Read what was observed up to a cursor. None if an older version has folded events of this attempt."""
    if cursor.facts == 0:
        return Observation()
    if cursor.observed is None:
        return None
    observation = _decode_observation(cursor.observed)
    return observation if observation.events == cursor.facts else None


def _observe_all(observation: Observation, events: Sequence[StoredEvent]) -> list[ClockBreach]:
    return [breach for event in events if (breach := observe(observation, event)) is not None]


def _refold(cursor: Cursor, engine: Engine, checkpoint: Checkpoint) -> State:
    """Fold the events after the checkpoint again. Their findings are dropped: they have been raised already."""
    if len(checkpoint.events) != cursor.facts - cursor.checkpoint_facts:
        raise StateError("events that were folded after the checkpoint are missing")
    state = engine.decode(checkpoint.state)
    for event in checkpoint.events:
        engine.step(state, event)
    return state


def _positions(cursor: Cursor, events: Sequence[StoredEvent]) -> Positions:
    last = {stream.stream_id: stream.position for stream in cursor.streams}
    for event in events:
        last[event.stream_id] = event.seq
    return tuple((stream_id, position) for stream_id, position in last.items() if position)


def make_flag(finding: Finding, attempt_id: UUID, policy_version: int) -> NewFlag:
    """Make a flag from a finding."""
    return NewFlag(
        attempt_id=attempt_id,
        rule=finding.rule,
        rule_version=finding.rule_version,
        policy_version=policy_version,
        episode_key=finding.episode_key,
        severity=finding.severity,
        confidence=finding.confidence,
        summary=finding.summary,
        numbers=finding.numbers,
        cited=finding.cited,
    )


def clock_mismatch(breach: ClockBreach) -> ServerEvent:
    """Make the event of a clock fault. It is stored in the transaction that has folded what shows it, so only once."""
    data = {"stream": str(breach.stream_id), "from": breach.from_ms, "to": breach.to_ms, "kind": str(breach.kind)}
    return ServerEvent("clock_mismatch", data)
