"""Stage 8 of 9, its SQL: flags with what they rest on, raised once per episode, and those that count.

A flag is only ever added here; what people decide about one is written elsewhere, and no row is ever removed.
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
"""Where a fact stands: stream and number."""


class NewFlag(msgspec.Struct, frozen=True, kw_only=True):
    """What was concluded about an attempt, and the facts it cites, the first one first."""

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
    """What rules concluded about one attempt, as it is stored, and a line for each flag that cannot be read."""

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
"""What `show` reads of a flag."""

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
    """Add the flags whose episodes have none yet, with copies of what they cite; returns those rows."""
    if not new:
        return []
    found = await _read_cited(conn, {event_id for flag in new for event_id in flag.cited})
    added = await conn.execute(
        insert(Flag).on_conflict_do_nothing().returning(*SHOWN), [_values(flag, source, found) for flag in new]
    )
    return [show_flag(row) for row in added]


async def read_raised(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, Raised]:
    """What rules concluded about each of these attempts, as it is stored; what people decided about it is left out."""
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
        of_attempt = raised[row["attempt_id"]]
        try:
            of_attempt.flags.append(msgspec.convert(dict(row), NewFlag))
        except msgspec.ValidationError as error:
            name = f"{row['rule']} v{row['rule_version']} {row['episode_key']}"
            of_attempt.unreadable.append(f"flag {name} cannot be read: {error}")
    return raised


async def read_counted_flags(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, list[CountedFlag]]:
    """The flags that count towards each attempt's score, as `protocol.flags.flag_counts` has it."""
    found = await conn.execute(
        select(Flag.attempt_id, Flag.rule, Flag.confidence, Flag.source, Flag.status).where(
            Flag.attempt_id == any_(literal(list(attempt_ids), ARRAY(PG_UUID)))
        )
    )
    standing: dict[UUID, list[CountedFlag]] = {attempt_id: [] for attempt_id in attempt_ids}
    for row in found:
        if flag_counts(FlagSource(row.source), FlagStatus(row.status)):
            standing[row.attempt_id].append(CountedFlag(row.rule, row.confidence))
    return standing


class _Cited(msgspec.Struct, frozen=True):
    """One cited fact as it is stored."""

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
    """Show a flag as boards do, with the last decision about it."""
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
