"""Stage 7 of 9, on the worker's side: claimed facts go through the engine; what came of it is handed back to be stored.

No I/O. A rule that raises costs its own attempt this fold and nobody else's.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from db.queries.evaluation.checkpoints import Checkpoint
from db.queries.evaluation.cursors import Advance, Cursor
from db.queries.evaluation.flags import NewFlag
from judgement.engine import Engine, Finding, State
from judgement.errors import StateError
from judgement.policy import read_policy
from judgement.rules import RULEBOOKS, Rulebook
from protocol.events import StoredEvent

STATES_KEPT: Final = 20_000
POLICIES_KEPT: Final = 1_000

CHECKPOINT_FACTS: Final = 256
CHECKPOINT_MS: Final = 10_000
"""A state is stored once it is so many facts ahead of the stored one, or that is so old by PostgreSQL's clock."""

Positions = tuple[tuple[UUID, int], ...]
"""The last folded number of each stream with folded facts, in the order of the streams."""


class Fold(msgspec.Struct, frozen=True):
    """One attempt's next facts, folded: the way its cursor moves, the flags to raise, and where the state stands."""

    advance: Advance
    flags: list[NewFlag]
    state: State
    positions: Positions


class Folder:
    """Folds claimed attempts; remembers engines by policy, and the states of the attempts folded last."""

    def __init__(self, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> None:
        self._rulebooks = rulebooks
        self._engines: OrderedDict[tuple[UUID, int], Engine] = OrderedDict()
        self._states: OrderedDict[UUID, tuple[Positions, State]] = OrderedDict()

    def take(self, cursor: Cursor) -> State | None:
        """Give the state that stands exactly at this cursor, if it is remembered.

        It is forgotten here: a fold changes it in place, and one that is not committed must not leave it behind.
        """
        positions, state = self._states.pop(cursor.attempt_id, (None, None))
        return state if positions == _positions(cursor, ()) else None

    def fold(self, cursor: Cursor, facts: Sequence[StoredEvent], start: State | Checkpoint | None) -> Fold:
        """Fold an attempt's next facts, from where it stands; None where nothing has been folded yet.

        Raises whatever a rule, a broken policy or a broken checkpoint raises.
        """
        engine = self._engine_of(cursor)
        state = engine.begin() if start is None else start
        if isinstance(state, Checkpoint):
            state = _refold(cursor, engine, state)
        found = [finding for fact in facts for finding in engine.step(state, fact)]
        # Who had to read facts back has met another worker, and may again: the next one shall have fewer to read.
        is_due = isinstance(start, Checkpoint) or _is_due(cursor, len(facts))
        return Fold(
            advance=Advance(cursor, facts, engine.encode(state) if is_due else None),
            flags=[flag_of(finding, cursor.attempt_id, cursor.policy_version) for finding in found],
            state=state,
            positions=_positions(cursor, facts),
        )

    def keep(self, fold: Fold) -> None:
        """Remember a fold's state. Only after its COMMIT: a state must never be ahead of the cursor it is kept for."""
        attempt_id = fold.advance.cursor.attempt_id
        self._states[attempt_id] = (fold.positions, fold.state)
        self._states.move_to_end(attempt_id)
        if len(self._states) > STATES_KEPT:
            self._states.popitem(last=False)

    def _engine_of(self, cursor: Cursor) -> Engine:
        key = (cursor.policy_id, cursor.rulebook_version)
        engine = self._engines.get(key)
        if engine is None:
            policy = read_policy(cursor.policy, cursor.rulebook_version, self._rulebooks)
            engine = self._engines[key] = Engine(policy, self._rulebooks)
            if len(self._engines) > POLICIES_KEPT:
                self._engines.popitem(last=False)
        return engine


def _refold(cursor: Cursor, engine: Engine, checkpoint: Checkpoint) -> State:
    """Fold again what follows the checkpoint; what it led to has been raised already, so it is dropped."""
    if len(checkpoint.events) != cursor.facts - cursor.checkpoint_facts:
        raise StateError("facts folded after the checkpoint are not stored")
    state = engine.decode(checkpoint.state)
    for fact in checkpoint.events:
        engine.step(state, fact)
    return state


def _is_due(cursor: Cursor, folded: int) -> bool:
    ahead = cursor.facts + folded - cursor.checkpoint_facts
    return ahead >= CHECKPOINT_FACTS or cursor.checkpoint_age_ms >= CHECKPOINT_MS or cursor.has_ended


def _positions(cursor: Cursor, facts: Sequence[StoredEvent]) -> Positions:
    last = {stream.stream_id: stream.position for stream in cursor.streams}
    for fact in facts:
        last[fact.stream_id] = fact.seq
    return tuple((stream_id, position) for stream_id, position in last.items() if position)


def flag_of(finding: Finding, attempt_id: UUID, policy_version: int) -> NewFlag:
    """Make the flag a finding stands for."""
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
