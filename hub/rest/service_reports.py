"""Reports from external services about an attempt: a text, indicators, and flags that cite events.

A report must never change a score, a label or a status: these fields are rejected by name, and a flag of a report
never counts, even if a reviewer confirms it. A report is stored once, even if it is sent again.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.idempotency import idempotent
from db.notify import Notifier
from db.queries.accounts.service_keys import Program
from db.queries.attempts.start import AttemptRecord, read_attempt
from db.queries.evaluation import flags
from db.queries.evaluation.flags import NewFlag
from db.queries.review import service_reports
from db.unit import Unit, change
from hub.auth.guards import SERVICE, service_as
from hub.errors import Fault, Invalid, Unauthenticated, problems, refuse_any
from hub.rest.http.audit import record_action
from hub.rest.http.bodies import LARGE_BYTES, BoundedRequest
from hub.rest.http.fields import Indicator, Sentence, Tidied
from protocol.console import Outcome, Result
from protocol.flags import FlagSource, Severity
from protocol.roles import Scope

FLAGS_MAX: Final = 20
CITED_MAX: Final = 200
INDICATORS_MAX: Final = 20

COMPUTED_FIELDS: Final = frozenset(
    {
        *("integrity", "integrity_score", "integrity_status", "coverage", "score", "percentage", "passed", "grade"),
        *("lmi", "lmi_score", "improvement_trend", "label", "dropout_label", "dropout_confidence", "dropout_risk"),
        *("risk_label", "current_risk_label", "risk_score", "anomaly_score", "anomaly_count", "critical_events"),
        *("flagged", "requires_instructor_attention", "requires_recap", "status", "llm_model_version"),
        *("total_monitoring_events", "flagged_for_intervention", "flagged_for_review"),
    }
)
"""Fields that are rejected in a report: Veritas computes them, or a reviewer decides about them."""

COMPUTED_FLAG_FIELDS: Final = frozenset({"status", "source", "rule", "weight", "decision"})
"""Fields that are rejected in a flag of a report."""


class CitedEvent(msgspec.Struct, frozen=True):
    """The position of an event: its stream and its sequence number."""

    stream_id: UUID
    seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class ReportedFlag(msgspec.Struct, frozen=True, kw_only=True):
    """A flag for a reviewer: a summary, its severity and confidence, and the events it cites."""

    summary: Sentence
    severity: Severity
    confidence: Annotated[float, Meta(ge=0, le=1)]
    cited: Annotated[list[CitedEvent], Meta(min_length=1, max_length=CITED_MAX)]


class ServiceReport(Tidied, frozen=True, kw_only=True):
    """A report about one attempt. Sending the same `id` again does nothing and has the same answer.

    `text` and `indicators` become a note with the severity `normal`. If the attempt has an analysis, the indicators
    are added to it.
    """

    id: UUID
    attempt_id: UUID
    text: Sentence | None = None
    indicators: Annotated[list[Indicator], Meta(max_length=INDICATORS_MAX)] = msgspec.field(default_factory=list)
    flags: Annotated[list[ReportedFlag], Meta(max_length=FLAGS_MAX)] = msgspec.field(default_factory=list)


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of a report's flags, in order, and of its note."""

    id: UUID
    attempt_id: UUID
    flags: list[UUID]
    note: UUID | None


class ReportRequest(BoundedRequest):
    """A request whose body must not contain fields that Veritas computes."""

    async def json(self) -> Any:
        """Return the decoded body. Raises Invalid for every read-only field."""
        body = await super().json()
        refuse_any([Fault(path, "read-only field: Veritas computes it") for path in _read_only_paths(body)])
        return body


@post(
    "/behavior",
    status_code=200,
    summary="ServiceReport on an attempt",
    security=SERVICE,
    responses=problems(Invalid, Unauthenticated, Forbidden, NotFound, Conflict),
    request_class=ReportRequest,
    request_max_body_size=LARGE_BYTES,
)
async def report_behavior(
    request: ReportRequest,
    data: JSONBody[ServiceReport],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    program: NamedDependency[Program],
) -> Received:
    """Store a service's text, indicators and flags. They never affect a score."""
    rule = f"service:{program.name}"
    digest = sha256(msgspec.json.encode(data, order="sorted")).hexdigest()
    async with change(engine, notifier) as unit:
        attempt = await read_attempt(unit.conn, data.attempt_id)

        async def store() -> Result:
            await _check_cited(unit.conn, data)
            rows = await flags.raise_flags(unit.conn, _new_flags(data, attempt, rule), source=FlagSource.SERVICE)
            await service_reports.add_indicators(unit.conn, data.attempt_id, rule, data.indicators)
            _record(unit, request, program, data)
            unit.feed(attempt.exam_id, rows)
            return Result(data.id, [Outcome(attempt_id=data.attempt_id, ok=True)])

        await idempotent(
            unit, data.id, program.user_id, digest, store, exam_id=attempt.exam_id, action="report_behavior"
        )
        flag_ids = await service_reports.read_reported_flags(unit.conn, data.attempt_id, rule, data.id)
    return Received(
        id=data.id,
        attempt_id=data.attempt_id,
        flags=[flag_ids[_key(data, number)] for number in range(1, len(data.flags) + 1)],
        note=flag_ids.get(_key(data, 0)),
    )


router: Final = Router(
    path="/analysis",
    tags=["analysis"],
    route_handlers=[report_behavior],
    dependencies={"program": Provide(service_as(Scope.ANALYSIS))},
)


def _record(unit: Unit, request: ReportRequest, program: Program, report: ServiceReport) -> None:
    record_action(
        unit,
        request,
        program.user_id,
        "report_behavior",
        "attempt",
        report.attempt_id,
        report=report.id,
        flags=len(report.flags),
    )


def _read_only_paths(body: object) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    yield from (f"$.{name}" for name in body if name in COMPUTED_FIELDS)
    reported = body.get("flags")
    for index, flag in enumerate(reported if isinstance(reported, list) else []):
        if isinstance(flag, dict):
            yield from (f"$.flags[{index}].{name}" for name in flag if name in COMPUTED_FLAG_FIELDS)


async def _check_cited(conn: AsyncConnection, report: ServiceReport) -> None:
    """Raise Invalid for every cited event that is not stored for this attempt."""
    indexes = [(flag, event) for flag, reported in enumerate(report.flags) for event in range(len(reported.cited))]
    cited = [(event.stream_id, event.seq) for reported in report.flags for event in reported.cited]
    missing = [indexes[index] for index in await service_reports.find_missing_events(conn, report.attempt_id, cited)]
    message = "there is no such event in this attempt"
    refuse_any([Fault(f"$.flags[{flag}].cited[{event}]", message) for flag, event in missing])


def _new_flags(report: ServiceReport, attempt: AttemptRecord, rule: str) -> list[NewFlag]:
    new = [
        _new_flag(report, attempt, rule, number, flag.summary, flag.severity, flag.confidence, flag.cited)
        for number, flag in enumerate(report.flags, 1)
    ]
    texts = [report.text] if report.text else []
    if report.indicators:
        texts.append(f"Indicators: {' · '.join(report.indicators)}")
    if texts:
        new.append(_new_flag(report, attempt, rule, 0, " ".join(texts), Severity.NORMAL, 0.0, []))
    return new


def _new_flag(
    report: ServiceReport,
    attempt: AttemptRecord,
    rule: str,
    number: int,
    summary: str,
    severity: Severity,
    confidence: float,
    cited: Sequence[CitedEvent],
) -> NewFlag:
    return NewFlag(
        attempt_id=report.attempt_id,
        rule=rule,
        rule_version=1,
        policy_version=attempt.policy_version,
        episode_key=_key(report, number),
        severity=severity,
        confidence=confidence,
        summary=summary,
        numbers={},
        cited=tuple((event.stream_id, event.seq) for event in cited),
    )


def _key(report: ServiceReport, number: int) -> str:
    """Return the episode key of a flag: the report's id and the flag's number from 1. The note has number 0."""
    return f"{report.id}:{number}"
