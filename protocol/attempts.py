"""Names about exams and attempts: statuses, kinds of items, instruction states, and the marks of an attempt.

It decides nothing: which status may follow which is in `judgement.attempts`, and grading is in `judgement.grading`.
"""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from enum import StrEnum

import msgspec


class AttemptStatus(StrEnum):
    """The status of one student's attempt at an exam."""

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
    """The status as students and other systems see it: `submitted` is shown as `completed`."""

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
    """Convert a status to the one that students and other systems see."""
    return ShownStatus.COMPLETED if status is AttemptStatus.SUBMITTED else ShownStatus(status.value)


RUNNING = frozenset({AttemptStatus.IN_PROGRESS, AttemptStatus.PAUSED, AttemptStatus.REOPENED})
"""Statuses in which a candidate may connect."""

OVER = frozenset(
    {
        AttemptStatus.SUBMITTED,
        AttemptStatus.TIMED_OUT,
        AttemptStatus.ENDED,
        AttemptStatus.ABANDONED,
        AttemptStatus.DECLINED,
    }
)
"""Statuses of an attempt that has ended: a client may still deliver its queue, then it is disconnected."""


class InstructionState(StrEnum):
    """The state of an instruction: `sent` until the client reports a result or the instruction expires."""

    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


class ExamKind(StrEnum):
    """What an exam is for. A practice exam counts in no figures of a student, and its attempts are deleted soon."""

    REAL = "real"
    PRACTICE = "practice"


class ItemKind(StrEnum):
    """How an item is answered. All kinds but `text` are graded from the answer key; a grader grades `text`."""

    CHOICE = "choice"
    MULTIPLE = "multiple"
    NUMBER = "number"
    TEXT = "text"


def sum_points(points: Iterable[float]) -> float:
    """Add up points as the decimals that people typed, not as binary fractions.

    >>> sum_points([0.7, 0.1])
    0.8
    """
    with localcontext(prec=40):
        return float(sum((Decimal(repr(float(one))) for one in points), Decimal(0)))


class Marks(msgspec.Struct, frozen=True):
    """The points of an attempt, out of `max_score`. All but `max_score` are null while an item is not graded."""

    score: float | None
    max_score: float
    percentage: float | None
    passed: bool | None
