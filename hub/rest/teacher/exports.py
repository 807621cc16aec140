"""Exports for keeping elsewhere: an attempt's events, an exam's flags, as CSV that is made while it is sent.

No export is ever held whole, and none holds a transaction or a connection while its reader is slow: each part is read
by itself, after the place where the one before ended. Events never change, and of a flag each row tells how it stood
when it was read. An export leaves a row in the trail before its first line.
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
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, leave
from hub.rest.http.csv import Cell, write_rows, write_time
from hub.rest.teacher.monitoring import Citing, cite
from judgement.rules import describe
from protocol.roles import Permission

ROWS_AT_ONCE: Final = 500
"""How many rows are read, held and sent together."""

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
    """Export every fact of an attempt in the order of its timeline, with the flags that cite it."""
    async with engine.begin() as conn:
        await access.require_for_attempt(conn, attempt_id, principal.user_id, Permission.VIEW_ANALYTICS)
        citing = cite(await flags.read_cited_events(conn, attempt_id))
        await leave(conn, request, principal.user_id, "export_events", "attempt", attempt_id)
    return _stream(write_events(engine, attempt_id, citing), f"events-{attempt_id}.csv")


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
    """Export every flag of an exam, the first one first, with the decisions about it."""
    async with engine.begin() as conn:
        await access.require(conn, exam_id, principal.user_id, Permission.VIEW_ANALYTICS)
        await leave(conn, request, principal.user_id, "export_flags", "exam", exam_id)
    return _stream(write_flags(engine, exam_id), f"flags-{exam_id}.csv")


def _stream(parts: AsyncIterator[bytes], name: str) -> Stream:
    return Stream(parts, media_type=_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def write_events(engine: AsyncEngine, attempt_id: UUID, citing: Citing) -> AsyncIterator[bytes]:
    """Write an attempt's facts part by part; between two parts nothing is held but the place."""
    yield write_rows([EVENT_COLUMNS])
    positions: Mapping[UUID, int] = {}
    while True:
        async with engine.connect() as conn:
            streams = await timeline.read_streams(conn, attempt_id)
            window = await timeline.read_page(
                conn, streams, positions=positions, wanted=EventFilter(), limit=ROWS_AT_ONCE
            )
        if window.facts:
            yield write_rows(_event_row(fact, citing) for fact in window.facts)
        if window.is_last:
            return
        positions = window.positions


async def write_flags(engine: AsyncEngine, exam_id: UUID) -> AsyncIterator[bytes]:
    """Write an exam's flags part by part; between two parts nothing is held but the place."""
    yield write_rows([FLAG_COLUMNS])
    after: UUID | None = None
    while True:
        async with engine.connect() as conn:
            cases = await flags.list_exam_cases(conn, exam_id, after=after, limit=ROWS_AT_ONCE)
        if not cases:
            return
        yield write_rows(_flag_row(case) for case in cases)
        after = cases[-1].record.flag_id


def _event_row(fact: RecordedEvent, citing: Citing) -> list[Cell]:
    place = (fact.stream_id, fact.seq)
    return [
        write_time(fact.server_at),
        write_time(fact.rule_ms),
        write_time(fact.at),
        str(fact.stream_id),
        fact.seq,
        fact.kind,
        fact.event_type,
        fact.severity,
        "yes" if place in citing.anomalies else "no",
        " ".join(str(flag_id) for flag_id in citing.flags.get(place, [])),
        _json(fact.data),
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
