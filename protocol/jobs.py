"""Job names and payloads: work that hubs and workers enqueue for the workers.

A job is only a notification: PostgreSQL knows what is to be done, and the workers find lost jobs with a poll.
"""

from typing import Final
from uuid import UUID

import msgspec

EVALUATE: Final = "evaluate"
"""Fold the new events of some attempts."""

ATTEMPTS_PER_JOB = 200
"""The most attempts that a worker claims in one transaction, and so the most in one job."""

LLM_SUMMARY: Final = "consult"
"""Request summaries of analyzed attempts from a language model. It has a separate queue."""

ANALYZE: Final = "analyse"
"""Analyze some attempts that have ended. The name in the queue keeps its older spelling."""


class Evaluate(msgspec.Struct, frozen=True):
    """Payload of `EVALUATE`: attempts that have new events."""

    attempts: list[UUID]


class Analyze(msgspec.Struct, frozen=True):
    """Payload of `ANALYZE`: attempts that have ended, or whose input has changed since their last analysis."""

    attempts: list[UUID]


class LlmSummary(msgspec.Struct, frozen=True):
    """Payload of `LLM_SUMMARY`: attempts whose analysis waits for a model's summary."""

    attempts: list[UUID]
