"""Partitions of the event table: one per UTC day, with UUIDv7 bounds, named after the day.

Pure: computes which partitions must exist; `db/queries/events/partitions.py` creates them. A stream lives for a day at
most, and its UUIDv7 is created when it opens, so the time in its id determines its partition.
"""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec

PARENT = "monitoring_events"
DEFAULT = "monitoring_events_default"
"""Receives events that have no partition. It must stay empty; the readiness check reports when it is not."""

DAYS_AHEAD = 7


class Partition(msgspec.Struct, frozen=True):
    """The partition of one day: `lower` inclusive, `upper` exclusive."""

    name: str
    lower: UUID
    upper: UUID


def first_id(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of this moment (RFC 9562, section 5.7: the first 48 bits are Unix milliseconds)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def created_ms(stream_id: UUID) -> int:
    """Return when a UUIDv7 was created, in ms since the epoch, by the clock of the process that created it."""
    return stream_id.int >> 80


def created_at(stream_id: UUID) -> datetime:
    """Return when a UUIDv7 was created."""
    return datetime.fromtimestamp((stream_id.int >> 80) / 1000, UTC)


def partition_of(day: date) -> Partition:
    """Return the partition for the streams that open on this UTC day."""
    start = datetime.combine(day, time(), UTC)
    return Partition(f"{PARENT}_{day:%Y_%m_%d}", first_id(start), first_id(start + timedelta(days=1)))


def partitions_ahead(today: date, days: int = DAYS_AHEAD) -> list[Partition]:
    """Return the partitions of yesterday, today and the next days. Yesterday is included because clocks differ."""
    return [partition_of(today + timedelta(days=offset)) for offset in range(-1, days + 1)]
