"""Names and structs of what is computed about an attempt: scores, labels and a student's figures.

It computes nothing itself; that is the task of `judgement.score` (docs/scores.md).
"""

from enum import StrEnum
from typing import Final

import msgspec


class AnalysisState(StrEnum):
    """Progress of the analysis after the end of an attempt; `stale` means that its input has changed since."""

    PENDING = "pending"
    DONE = "done"
    STALE = "stale"
    FAILED = "failed"


class ModelState(StrEnum):
    """Progress of the language model's summary; `off` where the exam or the deployment uses no model."""

    OFF = "off"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class DropoutLabel(StrEnum):
    """The label of an attempt, from integrity and LMI; for teachers only, after the exam (docs/scores.md)."""

    SAFE = "safe"
    INCAPABLE = "incapable"
    COPY = "copy"
    NO_INTEREST = "no_interest"


HIGH_RISK: Final = frozenset({DropoutLabel.COPY, DropoutLabel.INCAPABLE})
"""The labels that mean high risk."""


class Trend(StrEnum):
    """The direction in which a figure changes over time."""

    UP = "up"
    STEADY = "steady"
    DOWN = "down"


class IntegrityStatus(StrEnum):
    """The word for an integrity score; `unknown` when the attempt was connected for too short a time to score it."""

    GOOD = "good"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Observed(msgspec.Struct, frozen=True):
    """When an attempt ran, and when it was observed. All times in ms, by PostgreSQL's clock.

    `ended_ms` is None while the attempt runs. `connected` are its connections; an open one ends with None. `seen` are
    the spans in which events arrived, in order; None for an attempt of an older version, which has only connections.
    `unobserved` are spans that do not count although events arrived.
    """

    started_ms: int
    ended_ms: int | None
    now_ms: int
    connected: tuple[tuple[int, int | None], ...] = ()
    seen: tuple[tuple[int, int], ...] | None = None
    unobserved: tuple[tuple[int, int], ...] = ()


class Score(msgspec.Struct, frozen=True):
    """Integrity and coverage of an attempt, each 0..1; None when unknown."""

    integrity: float | None
    coverage: float | None


class Draft(msgspec.Struct, frozen=True):
    """One saved draft of an item's text. `at_ms` is rule time in ms."""

    item: str
    text: str
    at_ms: int


class PastedText(msgspec.Struct, frozen=True):
    """The number of characters pasted at once, and the item if it is known. `at_ms` is rule time in ms."""

    item: str | None
    chars: int
    at_ms: int


class FinalAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt whose review is final. `ended_ms` defines the order of attempts."""

    subject: str
    ended_ms: int
    percentage: float | None = None
    passed: bool | None = None
    integrity: float | None = None
    lmi: float | None = None
    label: DropoutLabel | None = None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """A student's figures over all final attempts (docs/scores.md)."""

    total_exams: int = 0
    passed_exams: int = 0
    avg_score: float | None = None
    subject_scores: dict[str, float] = {}
    strengths: list[str] = []
    weaknesses: list[str] = []
    avg_integrity: float | None = None
    integrity_trend: Trend | None = None
    avg_lmi: float | None = None
    lmi_trend: Trend | None = None
    current_risk: DropoutLabel | None = None
    is_flagged: bool = False
    last_ended_ms: int | None = None
