"""What a benchmark tells its load generator, and what it hears back: one JSON line each. Nothing runs here."""

from enum import StrEnum
from uuid import UUID

import msgspec

from bench.figures import Latency


class Pace(StrEnum):
    """How a generator sends."""

    FLOOD = "flood"
    """Every client as fast as its window allows."""
    STEADY = "steady"
    """All clients together `rate` events a second, each frame at its own moment."""
    LONE = "lone"
    """One frame after the other, each after the acknowledgement of the one before."""
    POST = "post"
    """One event a request, each connection one request after the other."""


class AttemptTicket(msgspec.Struct, frozen=True):
    """One candidate of the hub: its attempt, and a ticket to its socket."""

    attempt_id: UUID
    ticket: str


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to load, and how; without seats the other side wants no hello. No new frames after `limit_s`."""

    url: str
    pace: Pace
    attempts: list[AttemptTicket] | None = None
    rate: float = 0.0
    limit_s: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: `seconds` from the first frame to the last acknowledgement, `cpu_s` of the generator.

    `by_client` is how many events of each client were acknowledged, in the order of the tapes.
    """

    sent: int
    acked: int
    by_client: list[int]
    seconds: float
    cpu_s: float
    waits: Latency
