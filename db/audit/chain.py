"""The hash chain over the audit log: each link covers one row and, through the link before it, all rows before.

Pure. Another program can compute it again from the table: a link is SHA-256 of the previous link (32 zero bytes before
the first) followed by the canonical bytes of the row. It must never change: stored chains could not be checked.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

GENESIS: Final = bytes(32)
"""The link before the first."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit log, with every column."""

    id: UUID
    actor_id: UUID | None
    action: str
    resource: str
    resource_id: str
    details: dict[str, Any]
    ip: str | None
    user_agent: str | None
    at: datetime


class Anchor(msgspec.Struct, frozen=True):
    """A link that is known outside the database: its number and its hash."""

    n: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.n}:{self.hash.hex()}"


def parse_anchor(text: str) -> Anchor:
    """Parse `N:HASH`, as `veritas audit anchor` prints it. Raises ValueError."""
    number, _, digest = text.strip().partition(":")
    anchor = Anchor(int(number), bytes.fromhex(digest))
    if anchor.n < 1 or len(anchor.hash) != len(GENESIS):
        raise ValueError("an anchor is a number from 1, a colon, and 64 hexadecimal digits")
    return anchor


def canonical_bytes(record: AuditRecord) -> bytes:
    """Return the JSON array of all columns in order: UTF-8, keys sorted, no spaces, `at` in µs since the epoch."""
    at_us = (record.at - _EPOCH) // timedelta(microseconds=1)
    row = [
        record.id,
        record.actor_id,
        record.action,
        record.resource,
        record.resource_id,
        record.details,
        record.ip,
        record.user_agent,
        at_us,
    ]
    return msgspec.json.encode(row, order="sorted")


def link(previous: bytes, record: AuditRecord) -> bytes:
    """Return the hash of the next link."""
    return sha256(previous + canonical_bytes(record)).digest()


def extend(previous: bytes, records: Iterable[AuditRecord]) -> Iterator[bytes]:
    """Yield a link for each record, in order."""
    for record in records:
        previous = link(previous, record)
        yield previous
