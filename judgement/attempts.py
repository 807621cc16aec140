"""The one transition table: which action may follow which status of an attempt, and where it leads.

Every change of a status goes through it. No rule, score or model ever acts here: a student, a person with a reason, or
the clock does. Pauses, reopening and grants are no actions yet, so no action leads to or from what they would.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from protocol.attempts import AttemptStatus


class Action(StrEnum):
    """What can happen to an attempt as a whole."""

    START = "start"
    """The student begins, or comes back."""

    SUBMIT = "submit"
    """The student is done."""

    TIME_OUT = "time_out"
    """The deadline is over, and a server says so."""

    END = "end"
    """A person ends it, with a reason."""


class Transition(msgspec.Struct, frozen=True):
    """Which statuses an action may be done in, and the one it leads to."""

    sources: frozenset[AttemptStatus]
    target: AttemptStatus


TRANSITIONS: Final[Mapping[AttemptStatus | None, Mapping[Action, AttemptStatus]]] = {
    # No attempt yet.
    None: {Action.START: AttemptStatus.IN_PROGRESS},
    AttemptStatus.IN_PROGRESS: {
        # From another machine, or once more: the same attempt goes on.
        Action.START: AttemptStatus.IN_PROGRESS,
        Action.SUBMIT: AttemptStatus.SUBMITTED,
        Action.TIME_OUT: AttemptStatus.TIMED_OUT,
        Action.END: AttemptStatus.ENDED,
    },
}
"""Whatever is not here is refused: what has ended stays as it ended."""


def next_status(status: AttemptStatus | None, action: Action) -> AttemptStatus | None:
    """Tell where an action leads from a status (None: there is no attempt), or None when it may not be done.

    >>> next_status(AttemptStatus.IN_PROGRESS, Action.SUBMIT)
    <AttemptStatus.SUBMITTED: 'submitted'>
    >>> next_status(AttemptStatus.TIMED_OUT, Action.SUBMIT) is None
    True
    """
    return TRANSITIONS.get(status, {}).get(action)


def transition_of(action: Action) -> Transition:
    """Tell the way of an action on attempts that there are, as queries want it: in values."""
    steps = {
        status: transitions[action]
        for status, transitions in TRANSITIONS.items()
        if status is not None and action in transitions
    }
    (target,) = set(steps.values())
    return Transition(frozenset(steps), target)
