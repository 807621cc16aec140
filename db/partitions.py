"""Partitions of the event table: one per UTC day, cut at UUIDv7 bounds, named by their day.

Pure: computes which partitions must exist; `db/queries/events/partitions.py` creates them. A stream lives at most a
day, and its UUIDv7 is drawn when it opens, so the time in its id determines its partition.
"""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec

PARENT = "monitoring_events"
DEFAULT = "monitoring_events_default"
"""The net under a missing partition; it stays empty, and readiness says so."""

DAYS_AHEAD = 7


class Partition(msgspec.Struct, frozen=True):
    """One day's partition: `lower` inclusive, `upper` exclusive."""

    name: str
    lower: UUID
    upper: UUID


def first_id(moment: datetime) -> UUID:
    """The smallest UUIDv7-ordered value at this moment (RFC 9562 §5.7: the first 48 bits are Unix milliseconds)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def created_ms(stream_id: UUID) -> int:
    """When a UUIDv7 was drawn, in ms since the epoch, by the clock of the process that drew it."""
    return stream_id.int >> 80


def created_at(stream_id: UUID) -> datetime:
    """When a UUIDv7 was drawn."""
    return datetime.fromtimestamp((stream_id.int >> 80) / 1000, UTC)


def partition_of(day: date) -> Partition:
    """The partition that holds the streams opened on this UTC day."""
    start = datetime.combine(day, time(), UTC)
    return Partition(f"{PARENT}_{day:%Y_%m_%d}", first_id(start), first_id(start + timedelta(days=1)))


def partitions_ahead(today: date, days: int = DAYS_AHEAD) -> list[Partition]:
    """Yesterday's, today's and the coming partitions; yesterday's because clocks differ around midnight."""
    return [partition_of(today + timedelta(days=offset)) for offset in range(-1, days + 1)]
