"""One attempt under review: its facts page by page, what is concluded from them, and every flag with its ground.

A fact is an anomaly when a flag above a note cites it that counts towards scores: facts are never judged by themselves.
Reading leaves a row in the trail.
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries import access
from db.queries.review import attempts, timeline
from db.queries.review import flags as flagged
from db.queries.review.attempts import AttemptSummary
from db.queries.review.flags import CitedEvents
from db.queries.review.timeline import AnalysisRecord, EventFilter, EventId, RecordedEvent
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, leave
from hub.rest.http.paging import PAGE, After, Limit, read_cursor, write_cursor
from hub.rest.teacher.responses import FlagView, show_case
from protocol.flags import Severity, flag_counts
from protocol.limits import NAME_CHARS, SEVERITY_CHARS
from protocol.roles import Permission

CURSOR_CHARS = 16 * 1024
"""A cursor names every stream of the attempt; few have more than three, and two hundred fit."""

_NO_NUL = r"^[^\x00]*$"
_Type = Annotated[
    str | None,
    QueryParameter(max_length=NAME_CHARS, pattern=_NO_NUL, description="Only events of this type"),
]
_Severity = Annotated[
    str | None,
    QueryParameter(
        max_length=SEVERITY_CHARS, pattern=_NO_NUL, description="Only events whose client claims this severity"
    ),
]
_Anomalies = Annotated[bool, QueryParameter(description="Only events that make anomalies: a standing flag cites them")]


class TimelineEvent(RecordedEvent, frozen=True, kw_only=True):
    """One fact with the flags that cite it; an anomaly is one that a standing flag above a note cites."""

    is_anomaly: bool
    flags: list[UUID]


class Monitoring(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt under review.

    `events_timeline` is ordered by when the hub stored each event, each stream by its own numbers; `next` is the
    `after` of the page that follows. `anomaly_events` and `critical_events` count the events that standing flags above
    a note, and critical ones, cite: a rule's that were not set aside, others' that were confirmed. `behavior_analysis`
    is null before the attempt has ended.
    """

    attempt: AttemptSummary
    total_events: int
    anomaly_events: int
    critical_events: int
    events_timeline: list[TimelineEvent]
    next: str | None
    behavior_analysis: AnalysisRecord | None
    flags: list[FlagView]


class Citing(msgspec.Struct, frozen=True):
    """Which flags cite which facts of one attempt, and which of those facts count."""

    flags: dict[EventId, list[UUID]]
    anomalies: set[EventId]
    critical: set[EventId]

    def show(self, fact: RecordedEvent) -> TimelineEvent:
        """Show a fact with what cites it."""
        place = (fact.stream_id, fact.seq)
        fields: dict[str, Any] = {name: getattr(fact, name) for name in fact.__struct_fields__}
        return TimelineEvent(is_anomaly=place in self.anomalies, flags=self.flags.get(place, []), **fields)


@get(
    "/attempts/{attempt_id:uuid}/monitoring",
    summary="Read an attempt's timeline, flags and analysis",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_monitoring(
    request: AnyRequest,
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    *,
    type: _Type = None,  # noqa: A002 - named in refusals as in the query
    severity: _Severity = None,
    anomalies: _Anomalies = False,
    after: After = None,
    limit: Limit = PAGE,
) -> Monitoring:
    """Read a page of what was recorded of one attempt, what is concluded from it, and its flags with their evidence."""
    place = read_cursor(after, list[tuple[UUID, int]], CURSOR_CHARS)
    async with engine.begin() as conn:
        await access.require_for_attempt(conn, attempt_id, principal.user_id, Permission.VIEW)
        citing = cite(await flagged.read_cited_events(conn, attempt_id))
        streams = await timeline.read_streams(conn, attempt_id)
        attempt = await attempts.read_summary(conn, attempt_id)
        total = await timeline.count_events(conn, streams)
        analysis = await timeline.read_analysis(conn, attempt_id)
        cases = await flagged.list_attempt_cases(conn, attempt_id)
        await leave(conn, request, principal.user_id, "read_monitoring", "attempt", attempt_id)
        window = await timeline.read_page(
            conn,
            streams,
            positions=dict(place or []),
            wanted=EventFilter(type, severity, citing.anomalies if anomalies else None),
            limit=limit,
        )
    return Monitoring(
        attempt=attempt,
        total_events=total,
        anomaly_events=len(citing.anomalies),
        critical_events=len(citing.critical),
        events_timeline=[citing.show(fact) for fact in window.facts],
        next=None if window.is_last else write_cursor(sorted(window.positions.items())),
        behavior_analysis=analysis,
        flags=[show_case(case) for case in cases],
    )


def cite(flags: Sequence[CitedEvents]) -> Citing:
    """Tell which facts these flags cite, and which of them count."""
    by_fact: dict[EventId, list[UUID]] = {}
    for flag in flags:
        for place in dict.fromkeys(flag.places):
            by_fact.setdefault(place, []).append(flag.flag_id)
    standing = [
        flag for flag in flags if flag_counts(flag.source, flag.status) and flag.severity is not Severity.NORMAL
    ]
    return Citing(
        by_fact, _places(standing), _places([flag for flag in standing if flag.severity is Severity.CRITICAL])
    )


def _places(flags: Collection[CitedEvents]) -> set[EventId]:
    return {place for flag in flags for place in flag.places}
