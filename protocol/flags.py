"""A flag: a judgement about an attempt, with what it rests on. Facts are in `protocol.events`."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

EVIDENCE_MAX = 32
"""How many cited events a flag carries copies of."""


class Severity(StrEnum):
    """How much a flag asks for a person's eye; `normal` is a note and never a reason for review alone."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"


class FlagSource(StrEnum):
    """Who concluded it."""

    RULE = "rule"
    LLM = "llm"
    SERVICE = "service"
    TEACHER = "teacher"


class FlagStatus(StrEnum):
    """What people have decided about it so far; only people close a flag."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    ESCALATED = "escalated"
    WITHDRAWN = "withdrawn"


def flag_counts(source: FlagSource, status: FlagStatus) -> bool:
    """Whether a flag counts: a rule's unless dismissed or withdrawn, a teacher's once confirmed, nobody else's ever."""
    if source is FlagSource.RULE:
        return status not in (FlagStatus.DISMISSED, FlagStatus.WITHDRAWN)
    return source is FlagSource.TEACHER and status is FlagStatus.CONFIRMED


class Citation(msgspec.Struct, frozen=True):
    """A copy of one cited event, so that a flag outlives the retention of events. Times in ms since the epoch."""

    stream_id: UUID
    seq: int
    type: str
    at: int
    server_at: int
    data: dict[str, Any]


class Evidence(msgspec.Struct, frozen=True):
    """What a flag rests on: the rule's own numbers, every cited place, and copies of the first 32 cited events."""

    numbers: dict[str, float]
    cited: list[tuple[UUID, int]]
    events: list[Citation]


class CountedFlag(msgspec.Struct, frozen=True):
    """A flag that counts towards a score: raised by a rule and not dismissed or withdrawn, or confirmed by a person."""

    rule: str
    confidence: float


class JudgedFlag(msgspec.Struct, frozen=True):
    """One flag of an attempt, by whomever it was raised, and what people have decided about it so far."""

    rule: str
    source: FlagSource
    severity: Severity
    confidence: float
    status: FlagStatus

    @property
    def is_counted(self) -> bool:
        """Whether it counts towards scores."""
        return flag_counts(self.source, self.status)
