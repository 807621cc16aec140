"""Stage 8 of 9, SQL: add flags with their evidence, once for each episode, and read flags that count.

Never changes or deletes a flag; reviews are stored elsewhere.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Row, any_, bindparam, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import from_ms, to_ms
from db.models import Flag
from protocol.console import FlagRow
from protocol.flags import EVIDENCE_MAX, Citation, CountedFlag, Evidence, FlagSource, FlagStatus, Severity, flag_counts

EventId = tuple[UUID, int]
"""Position of an event: stream and number."""


class NewFlag(msgspec.Struct, frozen=True, kw_only=True):
    """A finding about an attempt, with the events that it cites, the first one first."""

    attempt_id: UUID
    rule: str
    rule_version: int
    policy_version: int
    episode_key: str
    severity: Severity
    confidence: float
    summary: str
    numbers: dict[str, float]
    cited: tuple[EventId, ...]


class Raised(msgspec.Struct, frozen=True):
    """The stored findings of rules about one attempt, and a line for each flag that cannot be read."""

    flags: list[NewFlag] = []
    unreadable: list[str] = []


SHOWN: Final = (
    Flag.id,
    Flag.attempt_id,
    Flag.source,
    Flag.rule,
    Flag.severity,
    Flag.confidence,
    Flag.summary,
    Flag.status,
    Flag.raised_at,
    Flag.last_fact_at,
)
"""The columns that `show_flag` reads."""

# As text: Core has no plain way to join unnest of two arrays.
_CITED: Final = (
    text(
        """
        SELECT stream_id, seq, event_type, client_timestamp, server_timestamp, data_payload
        FROM unnest(:streams, :seqs) AS cited (stream_id, seq)
        JOIN monitoring_events USING (stream_id, seq)
        """
    )
    .bindparams(bindparam("streams", type_=ARRAY(PG_UUID)), bindparam("seqs", type_=ARRAY(BigInteger)))
    .columns(data_payload=JSONB)
)


async def raise_flags(
    conn: AsyncConnection, new: Sequence[NewFlag], *, source: FlagSource = FlagSource.RULE
) -> list[FlagRow]:
    """Add the flags whose episode has no flag yet, with copies of the cited events; return their rows."""
    if not new:
        return []
    found = await _read_cited(conn, {event_id for flag in new for event_id in flag.cited})
    added = await conn.execute(
        insert(Flag).on_conflict_do_nothing().returning(*SHOWN), [_values(flag, source, found) for flag in new]
    )
    return [show_flag(row) for row in added]


async def read_raised(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, Raised]:
    """Read the stored findings of rules about each of these attempts, without the reviews."""
    found = await conn.execute(
        select(
            Flag.attempt_id,
            Flag.rule,
            Flag.rule_version,
            Flag.policy_version,
            Flag.episode_key,
            Flag.severity,
            Flag.confidence,
            Flag.summary,
            Flag.evidence["numbers"].label("numbers"),
            Flag.evidence["cited"].label("cited"),
        )
        .where(Flag.attempt_id == any_(literal(list(attempt_ids), ARRAY(PG_UUID))), Flag.source == FlagSource.RULE)
        .order_by(Flag.attempt_id, Flag.id)
    )
    raised = {attempt_id: Raised() for attempt_id in attempt_ids}
    for row in found.mappings():
        raised_of = raised[row["attempt_id"]]
        try:
            raised_of.flags.append(msgspec.convert(dict(row), NewFlag))
        except msgspec.ValidationError as error:
            name = f"{row['rule']} v{row['rule_version']} {row['episode_key']}"
            raised_of.unreadable.append(f"flag {name} cannot be read: {error}")
    return raised


async def read_counted_flags(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, list[CountedFlag]]:
    """Read the flags that count for each attempt's integrity score (`protocol.flags.flag_counts`)."""
    found = await conn.execute(
        select(Flag.attempt_id, Flag.rule, Flag.confidence, Flag.source, Flag.status).where(
            Flag.attempt_id == any_(literal(list(attempt_ids), ARRAY(PG_UUID)))
        )
    )
    counted: dict[UUID, list[CountedFlag]] = {attempt_id: [] for attempt_id in attempt_ids}
    for row in found:
        if flag_counts(FlagSource(row.source), FlagStatus(row.status)):
            counted[row.attempt_id].append(CountedFlag(row.rule, row.confidence))
    return counted


class _Cited(msgspec.Struct, frozen=True):
    """One cited event, as stored."""

    type: str
    at_ms: int
    server_ms: int
    data: dict[str, Any]


async def _read_cited(conn: AsyncConnection, event_ids: Collection[EventId]) -> dict[EventId, _Cited]:
    found = await conn.execute(
        _CITED, {"streams": [stream for stream, _ in event_ids], "seqs": [seq for _, seq in event_ids]}
    )
    return {
        (row.stream_id, row.seq): _Cited(
            row.event_type, to_ms(row.client_timestamp), to_ms(row.server_timestamp), row.data_payload
        )
        for row in found
    }


def _values(flag: NewFlag, source: FlagSource, found: Mapping[EventId, _Cited]) -> dict[str, Any]:
    stored = [found[event_id].server_ms for event_id in flag.cited if event_id in found]
    copies = [
        Citation(stream_id, seq, cited.type, cited.at_ms, cited.server_ms, cited.data)
        for stream_id, seq in flag.cited[:EVIDENCE_MAX]
        if (cited := found.get((stream_id, seq))) is not None
    ]
    return {
        "id": uuid7(),
        "attempt_id": flag.attempt_id,
        "source": source,
        "rule": flag.rule,
        "rule_version": flag.rule_version,
        "policy_version": flag.policy_version,
        "episode_key": flag.episode_key,
        "severity": flag.severity,
        "confidence": flag.confidence,
        "summary": flag.summary,
        "evidence": msgspec.to_builtins(Evidence(flag.numbers, list(flag.cited), copies)),
        "last_fact_at": from_ms(max(stored)) if stored else None,
    }


def show_flag(row: Row[*tuple[Any, ...]], *, reviewed_by: str | None = None, reason: str | None = None) -> FlagRow:
    """Return a flag as boards show it, with its last review."""
    return FlagRow(
        flag_id=row.id,
        attempt_id=row.attempt_id,
        source=FlagSource(row.source),
        rule=row.rule,
        severity=Severity(row.severity),
        confidence=row.confidence,
        summary=row.summary,
        status=FlagStatus(row.status),
        raised_at=to_ms(row.raised_at),
        last_fact_at=None if row.last_fact_at is None else to_ms(row.last_fact_at),
        reviewed_by=reviewed_by,
        reason=reason,
    )
