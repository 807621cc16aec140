"""Stage 7 of 9, on the worker's side: claimed facts go through the engine; what came of it is handed back to be stored.

No I/O. A rule that raises costs its own attempt this fold and nobody else's.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from db.queries.cursors import Advance, Cursor
from db.queries.flags import NewFlag
from judgement.engine import Engine, Finding, State
from judgement.policy import read_policy
from protocol.events import Fact

STATES_KEPT: Final = 20_000
POLICIES_KEPT: Final = 1_000

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

    def __init__(self) -> None:
        self._engines: OrderedDict[UUID, Engine] = OrderedDict()
        self._states: OrderedDict[UUID, tuple[Positions, State]] = OrderedDict()

    def fold(self, cursor: Cursor, facts: Sequence[Fact]) -> Fold:
        """Fold an attempt's next facts. Raises whatever a rule, a broken policy or a broken checkpoint raises."""
        engine = self._engine_of(cursor)
        state = self._take_state(cursor, engine)
        found = [finding for fact in facts for finding in engine.step(state, fact)]
        return Fold(
            advance=Advance(cursor, facts, engine.encode(state)),
            flags=[_flag_of(cursor, finding) for finding in found],
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
        engine = self._engines.get(cursor.policy_id)
        if engine is None:
            engine = Engine(read_policy(cursor.policy))
            self._engines[cursor.policy_id] = engine
            if len(self._engines) > POLICIES_KEPT:
                self._engines.popitem(last=False)
        return engine

    def _take_state(self, cursor: Cursor, engine: Engine) -> State:
        """The state at the cursor: ours if it stands exactly there, else the checkpoint's.

        It is taken out: the engine changes it in place, and a fold that is not committed must not leave it behind.
        """
        positions, state = self._states.pop(cursor.attempt_id, (None, None))
        if state is not None and positions == _positions(cursor, ()):
            return state
        return engine.decode(cursor.state)


def _positions(cursor: Cursor, facts: Sequence[Fact]) -> Positions:
    last = {stream.stream_id: stream.position for stream in cursor.streams}
    for fact in facts:
        last[fact.stream_id] = fact.seq
    return tuple((stream_id, position) for stream_id, position in last.items() if position)


def _flag_of(cursor: Cursor, finding: Finding) -> NewFlag:
    return NewFlag(
        attempt_id=cursor.attempt_id,
        rule=finding.rule,
        rule_version=finding.rule_version,
        policy_version=cursor.policy_version,
        episode_key=finding.episode_key,
        severity=finding.severity,
        confidence=finding.confidence,
        summary=finding.summary,
        numbers=finding.numbers,
        cited=finding.cited,
    )
