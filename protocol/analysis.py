"""Names of what is concluded once an attempt has ended, as every program spells them. They decide nothing."""

from enum import StrEnum

import msgspec


class AnalysisState(StrEnum):
    """How far the analysis after the end has come; `stale` means that something it rests on has changed since."""

    PENDING = "pending"
    DONE = "done"
    STALE = "stale"
    FAILED = "failed"


class ModelState(StrEnum):
    """How far the model's summary has come; `off` where the exam or the deployment has none."""

    OFF = "off"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class DropoutLabel(StrEnum):
    """The four words of JUDGEMENT §3; for teachers, after the exam."""

    SAFE = "safe"
    INCAPABLE = "incapable"
    COPY = "copy"
    NO_INTEREST = "no_interest"


class Trend(StrEnum):
    """Which way a student's figure has gone."""

    UP = "up"
    STEADY = "steady"
    DOWN = "down"


class IntegrityStatus(StrEnum):
    """An integrity score in a word; `unknown` where too little was seen to have one."""

    GOOD = "good"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Observed(msgspec.Struct, frozen=True):
    """When an attempt was there to be seen, and when a client was connected; all in ms by PostgreSQL's clock.

    `ended_ms` is None while it runs; a connection that is open ends with None.
    """

    started_ms: int
    ended_ms: int | None
    now_ms: int
    connected: tuple[tuple[int, int | None], ...]


class Score(msgspec.Struct, frozen=True):
    """What is concluded about an attempt at any time: its integrity and its coverage, 0..1, None where unknown."""

    integrity: float | None
    coverage: float | None


class Draft(msgspec.Struct, frozen=True):
    """One saved draft of an item's text, at a rule time in ms."""

    item: str
    text: str
    at_ms: int


class PastedText(msgspec.Struct, frozen=True):
    """So many characters were pasted, into an item if it is known which, at a rule time in ms."""

    item: str | None
    chars: int
    at_ms: int


class FinalAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt whose review is final; `ended_ms` puts them in their order."""

    subject: str
    ended_ms: int
    percentage: float | None = None
    passed: bool | None = None
    integrity: float | None = None
    lmi: float | None = None
    label: DropoutLabel | None = None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What a student's final attempts come to."""

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
