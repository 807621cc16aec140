"""Read one attempt for review: its events page by page, its analysis, and its flags with their evidence.

An event is an anomaly if a flag that counts towards the score cites it; an event must never be called an anomaly by
itself. Reading is recorded in the audit log.
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
from db.queries.review import attempts, flags, timeline
from db.queries.review.attempts import AttemptSummary
from db.queries.review.flags import CitedEvents
from db.queries.review.timeline import AnalysisRecord, EventFilter, EventId, RecordedEvent
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.paging import PAGE, After, BigNumber, Limit, read_cursor, write_cursor
from hub.rest.teacher.flag_views import FlagView, show_case
from protocol.flags import Severity, flag_counts
from protocol.limits import NAME_CHARS, SEVERITY_CHARS
from protocol.roles import Permission

CURSOR_CHARS = 16 * 1024
"""A cursor names every stream of the attempt. Most attempts have at most three; two hundred fit."""

_NO_NUL = r"^[^\x00]*$"
_Type = Annotated[
    str | None,
    QueryParameter(max_length=NAME_CHARS, pattern=_NO_NUL, description="Only events of this type"),
]
_Severity = Annotated[
    str | None,
    QueryParameter(
        max_length=SEVERITY_CHARS, pattern=_NO_NUL, description="Only events to which the client gave this severity"
    ),
]
_Anomalies = Annotated[bool, QueryParameter(description="Only anomalies: events cited by a flag that counts")]


class TimelineEvent(RecordedEvent, frozen=True, kw_only=True):
    """One event with the flags that cite it. It is an anomaly if one of them counts and is more than a note."""

    is_anomaly: bool
    flags: list[UUID]


class Monitoring(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt for review.

    `events_timeline` is ordered by the time at which the hub stored each event, and each stream by its sequence
    numbers. `next` is the `after` of the next page. `anomaly_events` counts the events that are cited by flags which
    count and are more than a note, `critical_events` those cited by critical ones. Flags of rules count unless they
    were dismissed or withdrawn, those of teachers once they are confirmed, all others never. `behavior_analysis` is
    null until the attempt has ended.
    """

    attempt: AttemptSummary
    total_events: int
    anomaly_events: int
    critical_events: int
    events_timeline: list[TimelineEvent]
    next: str | None
    behavior_analysis: AnalysisRecord | None
    flags: list[FlagView]


class Citations(msgspec.Struct, frozen=True):
    """The flags that cite each event of one attempt, and the events that are anomalies."""

    flags: dict[EventId, list[UUID]]
    anomalies: set[EventId]
    critical: set[EventId]

    def show(self, event: RecordedEvent) -> TimelineEvent:
        """Return an event with the flags that cite it."""
        event_id = (event.stream_id, event.seq)
        fields: dict[str, Any] = {name: getattr(event, name) for name in event.__struct_fields__}
        return TimelineEvent(is_anomaly=event_id in self.anomalies, flags=self.flags.get(event_id, []), **fields)


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
    type: _Type = None,  # noqa: A002 - error messages use the name of the query parameter
    severity: _Severity = None,
    anomalies: _Anomalies = False,
    after: After = None,
    limit: Limit = PAGE,
) -> Monitoring:
    """Read a page of the events of one attempt, its analysis, and its flags with their evidence."""
    positions = read_cursor(after, list[tuple[UUID, BigNumber]], CURSOR_CHARS)
    async with change(engine, None) as unit:
        conn = unit.conn
        await access.require_for_attempt(conn, attempt_id, principal.user_id, Permission.VIEW)
        citations = group_citations(await flags.read_cited_events(conn, attempt_id))
        streams = await timeline.read_streams(conn, attempt_id)
        attempt = await attempts.read_summary(conn, attempt_id)
        total = await timeline.count_events(conn, streams)
        analysis = await timeline.read_analysis(conn, attempt_id)
        cases = await flags.list_attempt_cases(conn, attempt_id)
        record_action(unit, request, principal.user_id, "read_monitoring", "attempt", attempt_id)
        page = await timeline.read_page(
            conn,
            streams,
            positions=dict(positions or []),
            wanted=EventFilter(type, severity, citations.anomalies if anomalies else None),
            limit=limit,
        )
    return Monitoring(
        attempt=attempt,
        total_events=total,
        anomaly_events=len(citations.anomalies),
        critical_events=len(citations.critical),
        events_timeline=[citations.show(event) for event in page.events],
        next=None if page.is_last else write_cursor(sorted(page.positions.items())),
        behavior_analysis=analysis,
        flags=[show_case(case) for case in cases],
    )


def group_citations(cited: Sequence[CitedEvents]) -> Citations:
    """Group the events that flags cite: the flags of each event, and the events that are anomalies."""
    by_event: dict[EventId, list[UUID]] = {}
    for flag in cited:
        for event_id in dict.fromkeys(flag.events):
            by_event.setdefault(event_id, []).append(flag.flag_id)
    counted = [flag for flag in cited if flag_counts(flag.source, flag.status) and flag.severity is not Severity.NORMAL]
    critical = [flag for flag in counted if flag.severity is Severity.CRITICAL]
    return Citations(by_event, _event_ids(counted), _event_ids(critical))


def _event_ids(cited: Collection[CitedEvents]) -> set[EventId]:
    return {event_id for flag in cited for event_id in flag.events}
