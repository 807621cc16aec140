"""Messages between a benchmark and its load generator, one JSON line each. Defines data only."""

from enum import StrEnum
from uuid import UUID

import msgspec

from bench.figures import Latency


class Pace(StrEnum):
    """The way in which a generator sends."""

    FLOOD = "flood"
    """Every client sends as fast as its window allows."""
    STEADY = "steady"
    """All clients together send `rate` events per second at fixed times."""
    LONE = "lone"
    """One frame at a time, each after the ack of the previous one."""
    POST = "post"
    """One event per request, one request at a time per connection."""


class AttemptTicket(msgspec.Struct, frozen=True):
    """An attempt and a ticket for its socket."""

    attempt_id: UUID
    ticket: str


class LoadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The load to make. Without `attempts` no hello is sent. No new frames after `limit_s`."""

    url: str
    pace: Pace
    attempts: list[AttemptTicket] | None = None
    rate: float = 0.0
    limit_s: float | None = None


class LoadOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a load: `seconds` from the first frame to the last ack, `cpu_s` of the generator.

    `by_client`: acknowledged events of each client, in the order of the recordings.
    """

    sent: int
    acked: int
    by_client: list[int]
    seconds: float
    cpu_s: float
    waits: Latency
