"""Names of what is concluded once an attempt has ended, as every program spells them. They decide nothing."""

from enum import StrEnum


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
