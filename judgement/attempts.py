"""The transitions of attempts: which action is allowed in which status, and the status after it (docs/attempts.md).

Every change of a status uses this table. No rule, score or model acts on an attempt: only the student, an invigilator
with a reason, or the deadline does. Pausing, reopening and granting extra time are not actions yet.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from protocol.attempts import AttemptStatus


class Action(StrEnum):
    """An action on an attempt."""

    START = "start"
    """The student begins or continues."""

    SUBMIT = "submit"
    """The student submits."""

    TIME_OUT = "time_out"
    """The deadline has passed; a server ends the attempt."""

    END = "end"
    """An invigilator ends it, with a reason."""


class Transition(msgspec.Struct, frozen=True):
    """The statuses in which an action is allowed, and the status after it."""

    sources: frozenset[AttemptStatus]
    target: AttemptStatus


TRANSITIONS: Final[Mapping[AttemptStatus | None, Mapping[Action, AttemptStatus]]] = {
    # No attempt yet.
    None: {Action.START: AttemptStatus.IN_PROGRESS},
    AttemptStatus.IN_PROGRESS: {
        # Again, or from another device: the same attempt continues.
        Action.START: AttemptStatus.IN_PROGRESS,
        Action.SUBMIT: AttemptStatus.SUBMITTED,
        Action.TIME_OUT: AttemptStatus.TIMED_OUT,
        Action.END: AttemptStatus.ENDED,
    },
}
"""All other combinations are refused: an attempt that has ended never changes its status."""


def next_status(status: AttemptStatus | None, action: Action) -> AttemptStatus | None:
    """Return the status after an action, or None if the action is not allowed. Status None: there is no attempt yet.

    >>> next_status(AttemptStatus.IN_PROGRESS, Action.SUBMIT)
    <AttemptStatus.SUBMITTED: 'submitted'>
    >>> next_status(AttemptStatus.TIMED_OUT, Action.SUBMIT) is None
    True
    """
    return TRANSITIONS.get(status, {}).get(action)


def transition_of(action: Action) -> Transition:
    """Return the transition of an action on existing attempts."""
    steps = {
        status: transitions[action]
        for status, transitions in TRANSITIONS.items()
        if status is not None and action in transitions
    }
    (target,) = set(steps.values())
    return Transition(frozenset(steps), target)
