"""The names of an attempt's and an instruction's statuses, as every program spells them."""

from enum import StrEnum


class AttemptStatus(StrEnum):
    """Where one student's sitting of an exam stands."""

    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    SUBMITTED = "submitted"
    TIMED_OUT = "timed_out"
    ENDED = "ended"
    REOPENED = "reopened"
    ABANDONED = "abandoned"
    DECLINED = "declined"


class ShownStatus(StrEnum):
    """The same as students and the world outside are told it: who has submitted has completed the exam."""

    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    TIMED_OUT = "timed_out"
    ENDED = "ended"
    REOPENED = "reopened"
    ABANDONED = "abandoned"
    DECLINED = "declined"


def show_status(status: AttemptStatus) -> ShownStatus:
    """Name a status to the outside."""
    return ShownStatus.COMPLETED if status is AttemptStatus.SUBMITTED else ShownStatus(status.value)


RUNNING = frozenset({AttemptStatus.IN_PROGRESS, AttemptStatus.PAUSED, AttemptStatus.REOPENED})
"""Statuses in which a candidate's socket is welcome."""

OVER = frozenset(
    {
        AttemptStatus.SUBMITTED,
        AttemptStatus.TIMED_OUT,
        AttemptStatus.ENDED,
        AttemptStatus.ABANDONED,
        AttemptStatus.DECLINED,
    }
)
"""Statuses of an attempt that has ended: a client may still deliver what its queue holds, and goes."""


class InstructionState(StrEnum):
    """How far an instruction got: `sent` until the client answers it, or its time is over."""

    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
