"""Convert times between PostgreSQL (timestamps with a time zone) and the wire (integer ms since the epoch).

Never reads a clock.
"""

from datetime import UTC, datetime


def to_ms(moment: datetime) -> int:
    """Convert to milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """Convert milliseconds since the epoch to a UTC datetime."""
    return datetime.fromtimestamp(ms / 1000, UTC)
