"""Export the events of an attempt and the flags of an exam as CSV, written while it is sent.

An export must never be in memory as a whole, and never hold a connection while its reader is slow: each part is a query
that continues after the last row. Each flag has the status at the time when its part was read. An export is recorded
in the audit log before its first row.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries import access
from db.queries.review import flags, timeline
from db.queries.review.flags import FlagCase
from db.queries.review.timeline import EventFilter, RecordedEvent
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.csv import Cell, write_heading, write_rows, write_time
from hub.rest.teacher.timeline import Citations, group_citations
from judgement.rules import describe
from protocol.roles import Permission

ROWS_AT_ONCE: Final = 500
"""The number of rows that are read and sent together."""

EVENT_COLUMNS: Final = (
    *("stored_at", "happened_at", "client_clock", "stream_id", "seq", "kind", "event_type"),
    *("claimed_severity", "is_anomaly", "flags", "data"),
)
FLAG_COLUMNS: Final = (
    *("flag_id", "raised_at", "student_id", "student", "attempt_id", "source", "rule", "rule_name", "rule_version"),
    *("severity", "confidence", "summary", "status", "reviewed_by", "reason", "reviews", "numbers", "cited"),
)
_TYPE: Final = "text/csv"
_DOCUMENTED: Final = {200: ResponseSpec(str, media_type="text/csv", generate_examples=False, description="The rows")}


@get(
    "/attempts/{attempt_id:uuid}/events.csv",
    summary="Export an attempt's events",
    security=BEARER,
    media_type=_TYPE,
    responses={**_DOCUMENTED, **problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound)},
)
async def export_events(
    request: AnyRequest,
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> Stream:
    """Export all events of an attempt in the order of its timeline, with the flags that cite them."""
    async with change(engine, None) as unit:
        await access.require_for_attempt(unit.conn, attempt_id, principal.user_id, Permission.VIEW_ANALYTICS)
        citations = group_citations(await flags.read_cited_events(unit.conn, attempt_id))
        record_action(unit, request, principal.user_id, "export_events", "attempt", attempt_id)
    return _stream(write_events(engine, attempt_id, citations), f"events-{attempt_id}.csv")


@get(
    "/exams/{exam_id:uuid}/flags.csv",
    summary="Export an exam's flags",
    security=BEARER,
    media_type=_TYPE,
    responses={**_DOCUMENTED, **problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound)},
)
async def export_flags(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> Stream:
    """Export all flags of an exam, oldest first, with the decisions about them."""
    async with change(engine, None) as unit:
        await access.require(unit.conn, exam_id, principal.user_id, Permission.VIEW_ANALYTICS)
        record_action(unit, request, principal.user_id, "export_flags", "exam", exam_id)
    return _stream(write_flags(engine, exam_id), f"flags-{exam_id}.csv")


def _stream(parts: AsyncIterator[bytes], name: str) -> Stream:
    return Stream(parts, media_type=_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def write_events(engine: AsyncEngine, attempt_id: UUID, citations: Citations) -> AsyncIterator[bytes]:
    """Write the events of an attempt in parts. Between two parts no connection is held."""
    yield write_heading(EVENT_COLUMNS)
    positions: Mapping[UUID, int] = {}
    while True:
        async with engine.connect() as conn:
            streams = await timeline.read_streams(conn, attempt_id)
            page = await timeline.read_page(
                conn, streams, positions=positions, wanted=EventFilter(), limit=ROWS_AT_ONCE
            )
        if page.events:
            yield write_rows(_event_row(event, citations) for event in page.events)
        if page.is_last:
            return
        positions = page.positions


async def write_flags(engine: AsyncEngine, exam_id: UUID) -> AsyncIterator[bytes]:
    """Write the flags of an exam in parts. Between two parts no connection is held."""
    yield write_heading(FLAG_COLUMNS)
    after: UUID | None = None
    while True:
        async with engine.connect() as conn:
            cases = await flags.list_exam_cases(conn, exam_id, after=after, limit=ROWS_AT_ONCE)
        if not cases:
            return
        yield write_rows(_flag_row(case) for case in cases)
        after = cases[-1].record.flag_id


def _event_row(event: RecordedEvent, citations: Citations) -> list[Cell]:
    event_id = (event.stream_id, event.seq)
    return [
        write_time(event.server_at),
        write_time(event.rule_ms),
        write_time(event.at),
        str(event.stream_id),
        event.seq,
        event.kind,
        event.event_type,
        event.severity,
        "yes" if event_id in citations.anomalies else "no",
        " ".join(str(flag_id) for flag_id in citations.flags.get(event_id, [])),
        _json(event.data),
    ]


def _flag_row(case: FlagCase) -> list[Cell]:
    flag = case.record
    return [
        str(flag.flag_id),
        write_time(flag.raised_at),
        str(flag.student.student_id),
        flag.student.name,
        str(flag.attempt_id),
        flag.source,
        flag.rule,
        describe(flag.rule).name,
        case.rule_version,
        flag.severity,
        flag.confidence,
        flag.summary,
        flag.status,
        flag.reviewed_by,
        flag.reason,
        _json(case.reviews),
        _json(case.evidence.numbers),
        " ".join(f"{stream_id}:{seq}" for stream_id, seq in case.evidence.cited),
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
