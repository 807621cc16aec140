"""Work a hub may ask of the workers: job names and their payloads.

A job is a hint. PostgreSQL knows what is to be done; a lost job is found by the workers' sweep.
"""

from typing import Final
from uuid import UUID

import msgspec

EVALUATE: Final = "evaluate"
"""Fold the unjudged facts of some attempts."""

ATTEMPTS_PER_JOB = 200
"""How many attempts one transaction of a worker claims at most, and so one job names."""


LLM_SUMMARY: Final = "consult"
"""Ask a model about some attempts that have been analysed; it has a queue of its own."""


ANALYSE: Final = "analyse"
"""Conclude what follows about some attempts that have ended."""


class Evaluate(msgspec.Struct, frozen=True):
    """Payload of `EVALUATE`: attempts that have new facts."""

    attempts: list[UUID]


class Analyse(msgspec.Struct, frozen=True):
    """Payload of `ANALYSE`: attempts that have ended, or whose ground has changed since they were analysed."""

    attempts: list[UUID]


class LlmSummary(msgspec.Struct, frozen=True):
    """Payload of `LLM_SUMMARY`: attempts whose analysis waits for a model's summary."""

    attempts: list[UUID]
