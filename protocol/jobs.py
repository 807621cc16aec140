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


class Evaluate(msgspec.Struct, frozen=True):
    """Payload of `EVALUATE`: attempts that have new facts."""

    attempts: list[UUID]
