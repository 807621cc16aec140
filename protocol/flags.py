"""Flags: what a rule, a service, a model or a teacher reports about an attempt, with its evidence. It raises none."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

EVIDENCE_MAX = 32
"""The number of cited events that a flag has copies of."""


class Severity(StrEnum):
    """The urgency of a review. `normal` is a note and needs none."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"


class FlagSource(StrEnum):
    """The origin of a flag."""

    RULE = "rule"
    LLM = "llm"
    SERVICE = "service"
    TEACHER = "teacher"


class FlagStatus(StrEnum):
    """The status of a flag's review. Only reviewers change it."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    ESCALATED = "escalated"
    WITHDRAWN = "withdrawn"


UNDECIDED = (FlagStatus.OPEN, FlagStatus.ESCALATED)
"""Statuses of a flag that waits for a decision."""

DECIDED = (FlagStatus.CONFIRMED, FlagStatus.DISMISSED, FlagStatus.WITHDRAWN)
"""Statuses of a flag that has a decision."""


def flag_counts(source: FlagSource, status: FlagStatus) -> bool:
    """Return whether a flag counts in the integrity score.

    A rule's flag counts unless it is dismissed or withdrawn, a teacher's once it is confirmed, all others never.
    """
    if source is FlagSource.RULE:
        return status not in (FlagStatus.DISMISSED, FlagStatus.WITHDRAWN)
    return source is FlagSource.TEACHER and status is FlagStatus.CONFIRMED


class Citation(msgspec.Struct, frozen=True):
    """A copy of one cited event: a flag is kept longer than the events. Times in ms since the epoch."""

    stream_id: UUID
    seq: int
    type: str
    at: int
    server_at: int
    data: dict[str, Any]


class Evidence(msgspec.Struct, frozen=True):
    """The evidence of a flag: the rule's numbers, all cited events as `[stream, seq]`, and copies of the first 32."""

    numbers: dict[str, float]
    cited: list[tuple[UUID, int]]
    events: list[Citation]


class CountedFlag(msgspec.Struct, frozen=True):
    """A flag that counts in the integrity score (see `flag_counts`)."""

    rule: str
    confidence: float


class JudgedFlag(msgspec.Struct, frozen=True):
    """One flag of an attempt, from any source, with the status of its review."""

    rule: str
    source: FlagSource
    severity: Severity
    confidence: float
    status: FlagStatus

    @property
    def is_counted(self) -> bool:
        """Return whether it counts in the integrity score."""
        return flag_counts(self.source, self.status)
