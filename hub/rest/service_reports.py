"""What a program says about an attempt: a text, indicators, flags that cite facts. It advises; judging is done here.

Nothing posted changes a score, a label or a status: such fields are refused by name. A report of one id is taken once.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries import feed
from db.queries.accounts.service_keys import Program
from db.queries.attempts.start import AttemptRecord, read_attempt
from db.queries.console import commands
from db.queries.evaluation import flags
from db.queries.evaluation.flags import NewFlag
from db.queries.review import service_reports
from hub.auth.guards import SERVICE, service_as
from hub.errors import Fault, Invalid, Unauthenticated, problems, refuse_any
from hub.rest.http import audit
from hub.rest.http.fields import Indicator, Sentence
from protocol.console import Outcome, Result
from protocol.flags import FlagSource, Severity
from protocol.roles import Scope

FLAGS_MAX: Final = 20
CITED_MAX: Final = 200
INDICATORS_MAX: Final = 20

JUDGED_HERE: Final = frozenset(
    {
        *("integrity", "integrity_score", "integrity_status", "coverage", "score", "percentage", "passed", "grade"),
        *("lmi", "lmi_score", "improvement_trend", "label", "dropout_label", "dropout_confidence", "dropout_risk"),
        *("risk_label", "current_risk_label", "risk_score", "anomaly_score", "anomaly_count", "critical_events"),
        *("flagged", "requires_instructor_attention", "requires_recap", "status", "llm_model_version"),
        *("total_monitoring_events", "flagged_for_intervention", "flagged_for_review"),
    }
)
"""Fields of a report that are refused by name: they follow from facts and from people, here."""

DECIDED_HERE: Final = frozenset({"status", "source", "rule", "weight", "decision"})
"""The same of a flag."""


class Cited(msgspec.Struct, frozen=True):
    """Where a fact stands."""

    stream_id: UUID
    seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that advises: what was seen, how much it asks for a person's eye, and the facts it rests on."""

    summary: Sentence
    severity: Severity
    confidence: Annotated[float, Meta(ge=0, le=1)]
    cited: Annotated[list[Cited], Meta(min_length=1, max_length=CITED_MAX)]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a program says about one attempt; a repeated `id` is answered as it was, and does nothing.

    `text` and `indicators` become a note of severity `normal`; indicators also stand in the attempt's analysis, where
    it has one.
    """

    id: UUID
    attempt_id: UUID
    text: Sentence | None = None
    indicators: Annotated[list[Indicator], Meta(max_length=INDICATORS_MAX)] = []
    flags: Annotated[list[Advice], Meta(max_length=FLAGS_MAX)] = []


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What a report came to: its flags in their order, and its note."""

    id: UUID
    attempt_id: UUID
    flags: list[UUID]
    note: UUID | None


class ReportRequest(Request[Any, Any, Any]):
    """A request whose body must not say what is judged here."""

    async def json(self) -> Any:
        """What the body says. Raises Invalid for every field that is not a program's to say."""
        said = await super().json()
        refuse_any([Fault(path, "read-only field: Veritas computes it") for path in _refused(said)])
        return said


@post(
    "/behavior",
    status_code=200,
    summary="Say something about an attempt",
    security=SERVICE,
    responses=problems(Invalid, Unauthenticated, Forbidden, NotFound, Conflict),
    request_class=ReportRequest,
)
async def report_behavior(
    request: ReportRequest,
    data: JSONBody[Report],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    program: NamedDependency[Program],
) -> Received:
    """Take a program's text, indicators and advisory flags; a person decides about each, and no score counts them."""
    rule = f"service:{program.name}"
    async with engine.begin() as conn:
        digest = sha256(msgspec.json.encode(data, order="sorted")).hexdigest()
        past = await commands.lock_command(conn, data.id)
        if past is not None and (past.actor_id, past.digest) != (program.user_id, digest):
            raise Conflict("Another report already used this id.")
        attempt = await read_attempt(conn, data.attempt_id)
        if past is None:
            await _check_cited(conn, data)
            rows = await flags.raise_flags(conn, _flags(data, attempt, rule), source=FlagSource.SERVICE)
            await service_reports.add_indicators(conn, data.attempt_id, rule, data.indicators)
            result = Result(data.id, [Outcome(attempt_id=data.attempt_id, ok=True)])
            done = commands.StoredCommand(attempt.exam_id, program.user_id, "report_behavior", digest, result)
            await commands.store_command(conn, data.id, done)
            await audit.leave(
                conn,
                request,
                program.user_id,
                "report_behavior",
                "attempt",
                data.attempt_id,
                report=data.id,
                flags=len(data.flags),
            )
            given = await service_reports.read_reported_flags(conn, data.attempt_id, rule, data.id)
            if rows:
                await feed.append(conn, attempt.exam_id, rows)
        else:
            given = await service_reports.read_reported_flags(conn, data.attempt_id, rule, data.id)
    if past is None:
        await notifier.notify("feed", attempt.exam_id)
    return Received(
        id=data.id,
        attempt_id=data.attempt_id,
        flags=[given[_key(data, place)] for place in range(1, len(data.flags) + 1)],
        note=given.get(_key(data, 0)),
    )


router: Final = Router(
    path="/analysis",
    tags=["analysis"],
    route_handlers=[report_behavior],
    dependencies={"program": Provide(service_as(Scope.ANALYSIS))},
)


def _refused(said: object) -> Iterator[str]:
    if not isinstance(said, dict):
        return
    yield from (f"$.{name}" for name in said if name in JUDGED_HERE)
    listed = said.get("flags")
    for place, flag in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(flag, dict):
            yield from (f"$.flags[{place}].{name}" for name in flag if name in DECIDED_HERE)


async def _check_cited(conn: AsyncConnection, report: Report) -> None:
    """Raise Invalid for every citation of what is no fact of this attempt."""
    places = [(flag, fact) for flag, one in enumerate(report.flags) for fact in range(len(one.cited))]
    cited = [(fact.stream_id, fact.seq) for flag in report.flags for fact in flag.cited]
    missing = [places[place] for place in await service_reports.find_missing_events(conn, report.attempt_id, cited)]
    refuse_any(
        [Fault(f"$.flags[{flag}].cited[{fact}]", "there is no such event in this attempt") for flag, fact in missing]
    )


def _flags(report: Report, attempt: AttemptRecord, rule: str) -> list[NewFlag]:
    new = [
        _flag(report, attempt, rule, place, one.summary, one.severity, one.confidence, one.cited)
        for place, one in enumerate(report.flags, 1)
    ]
    said = [report.text] if report.text else []
    if report.indicators:
        said.append(f"Indicators: {' · '.join(report.indicators)}")
    if said:
        new.append(_flag(report, attempt, rule, 0, " ".join(said), Severity.NORMAL, 0.0, []))
    return new


def _flag(
    report: Report,
    attempt: AttemptRecord,
    rule: str,
    place: int,
    summary: str,
    severity: Severity,
    confidence: float,
    cited: Sequence[Cited],
) -> NewFlag:
    return NewFlag(
        attempt_id=report.attempt_id,
        rule=rule,
        rule_version=1,
        policy_version=attempt.policy_version,
        episode_key=_key(report, place),
        severity=severity,
        confidence=confidence,
        summary=summary,
        numbers={},
        cited=tuple((fact.stream_id, fact.seq) for fact in cited),
    )


def _key(report: Report, place: int) -> str:
    """Which episode a flag is of: the report's id, and its place; the note's is 0."""
    return f"{report.id}:{place}"
