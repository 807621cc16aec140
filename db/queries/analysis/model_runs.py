"""Requests to a language model about ended attempts, and their results.

Each request is stored as a run before it is sent, with the most tokens that it can use: a process that is killed
leaves a run that counts. A worker that waits for the model holds no transaction: a claim is a lease that expires. An
answer about an older revision of the analysis is stored as a run and changes nothing. Never checks what a model writes.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, Row, Text, any_, bindparam, cast, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.models import (
    AnalysisCursor,
    BehaviorAnalysis,
    EventStream,
    Exam,
    ExamAttempt,
    ExamEnrollment,
    ExamPolicy,
    Flag,
    ModelRun,
    MonitoringEvent,
    StudentProfile,
    User,
)
from protocol.analysis import AnalysisState, ModelState
from protocol.flags import FlagSource, FlagStatus, Severity


class SummaryRequest(msgspec.Struct, frozen=True):
    """An analysis that waits for a model's summary: its revision, and how many requests got no summary."""

    attempt_id: UUID
    revision: int
    failed: int


class AttemptData(msgspec.Struct, frozen=True, kw_only=True):
    """Data of an attempt and its student for the model's input; times in ms since the epoch."""

    exam_id: UUID
    subject: str
    policy_version: int
    started_at: int
    completed_at: int
    integrity: float | None
    coverage: float | None
    lmi: float | None
    percentage: float | None
    names: list[str]


class RuleFlag(msgspec.Struct, frozen=True):
    """One flag of a rule, and the events that it cites."""

    rule: str
    severity: Severity
    status: FlagStatus
    summary: str
    cited: list[tuple[UUID, int]]


class TimedEvent(msgspec.Struct, frozen=True):
    """One event; `time_ms` is its rule time."""

    stream_id: UUID
    seq: int
    time_ms: int
    type: str
    data: dict[str, Any]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a request: output and cost. Without `tokens` the estimate of the request stays."""

    state: ModelState
    model: str = ""
    output: str | None = None
    error: str | None = None
    claims_dropped: int = 0
    tokens: tuple[int, int] | None = None
    duration_ms: int = 0


class NewSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a model's answer that passed the checks, as stored with the analysis."""

    text: str
    recommendations: list[dict[str, Any]]
    originality_indicators: list[dict[str, Any]]
    model: str


_waiting: Final = (
    (BehaviorAnalysis.state == AnalysisState.DONE)
    & (BehaviorAnalysis.model_state == ModelState.PENDING)
    & (BehaviorAnalysis.due_at <= func.now())
)


LOST: Final = "the process ended before it stored an answer"


async def turn_off_pending(conn: AsyncConnection) -> int:
    """Mark every waiting analysis as "no model"; return how many."""
    off = await conn.execute(update(BehaviorAnalysis).where(_waiting).values(model_state=ModelState.OFF))
    return off.rowcount


async def claim_requests(
    conn: AsyncConnection, *, limit: int, lease_s: float, among: Collection[UUID] = ()
) -> list[SummaryRequest]:
    """Claim analyses that wait for a model for `lease_s` seconds, all or those in `among`; the oldest first.

    A request whose lease ended without a result counts as failed.
    """
    named = BehaviorAnalysis.attempt_id == any_(literal(list(among), ARRAY(PG_UUID)))
    waiting = (
        select(BehaviorAnalysis.attempt_id)
        .where(_waiting, *([named] if among else []))
        .order_by(BehaviorAnalysis.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    failed = (
        select(func.count())
        .where(
            ModelRun.attempt_id == BehaviorAnalysis.attempt_id,
            ModelRun.revision == BehaviorAnalysis.revision,
            ModelRun.state.in_((ModelState.FAILED, ModelState.PENDING)),
        )
        .scalar_subquery()
    )
    claimed = await conn.execute(
        update(BehaviorAnalysis)
        .where(BehaviorAnalysis.attempt_id.in_(waiting))
        .values(due_at=func.now() + timedelta(seconds=lease_s))
        .returning(BehaviorAnalysis.attempt_id, BehaviorAnalysis.revision, failed.label("failed"))
    )
    requests = [SummaryRequest(row.attempt_id, row.revision, row.failed) for row in claimed]
    await fail_lost_runs(conn, [request.attempt_id for request in requests], LOST)
    return requests


async def postpone_request(conn: AsyncConnection, attempt_id: UUID, revision: int, after_s: float) -> None:
    """Request the summary again after `after_s` seconds."""
    await conn.execute(
        update(BehaviorAnalysis)
        .where(BehaviorAnalysis.attempt_id == attempt_id, BehaviorAnalysis.revision == revision)
        .values(due_at=func.now() + timedelta(seconds=after_s))
    )


async def count_tokens(conn: AsyncConnection, exam_id: UUID) -> int:
    """Count the tokens of all requests about one exam; those without a result count with their estimate."""
    used = func.greatest(ModelRun.prompt_tokens, 0).cast(BigInteger) + func.greatest(ModelRun.completion_tokens, 0)
    counted = await conn.execute(
        select(func.coalesce(func.sum(used), 0))
        .join(ExamAttempt, ExamAttempt.id == ModelRun.attempt_id)
        .where(ExamAttempt.exam_id == exam_id)
    )
    return int(counted.scalar_one())


_NAMING: Final = (
    *("full_name", "username", "email", "enrollment_id"),
    *("roster_name", "roster_email", "roster_number"),
)
"""Columns with a name or an address of the student, which no model may see."""


async def read_attempt_data(conn: AsyncConnection, attempt_id: UUID) -> AttemptData:
    """Read the data of an ended and analyzed attempt."""
    found = await conn.execute(
        select(
            ExamAttempt.exam_id,
            Exam.subject,
            ExamPolicy.version,
            ExamAttempt.started_at,
            ExamAttempt.completed_at,
            BehaviorAnalysis.integrity_score,
            BehaviorAnalysis.coverage,
            BehaviorAnalysis.lmi_score,
            ExamAttempt.percentage,
            User.full_name,
            User.username,
            User.email,
            StudentProfile.enrollment_id,
            ExamEnrollment.name.label("roster_name"),
            ExamEnrollment.email.label("roster_email"),
            ExamEnrollment.enrollment_id.label("roster_number"),
        )
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .join(ExamPolicy, ExamPolicy.id == ExamAttempt.policy_id)
        .join(BehaviorAnalysis, BehaviorAnalysis.attempt_id == ExamAttempt.id)
        .join(User, User.id == ExamAttempt.student_id)
        .outerjoin(StudentProfile, StudentProfile.user_id == User.id)
        .outerjoin(
            ExamEnrollment,
            (ExamEnrollment.exam_id == ExamAttempt.exam_id) & (ExamEnrollment.student_id == ExamAttempt.student_id),
        )
        .where(ExamAttempt.id == attempt_id)
    )
    return _record(found.one())


def _record(row: Row[*tuple[Any, ...]]) -> AttemptData:
    started_at = to_ms(row.started_at)
    return AttemptData(
        exam_id=row.exam_id,
        subject=row.subject,
        policy_version=row.version,
        started_at=started_at,
        completed_at=started_at if row.completed_at is None else to_ms(row.completed_at),
        integrity=row.integrity_score,
        coverage=row.coverage,
        lmi=row.lmi_score,
        percentage=row.percentage,
        names=[name for name in dict.fromkeys(getattr(row, column) for column in _NAMING) if name],
    )


async def read_flags(conn: AsyncConnection, attempt_id: UUID) -> list[RuleFlag]:
    """Read the flags of rules for an attempt, in the order in which they were raised."""
    found = await conn.execute(
        select(Flag.rule, Flag.severity, Flag.status, Flag.summary, Flag.evidence["cited"].label("cited"))
        .where(Flag.attempt_id == attempt_id, Flag.source == FlagSource.RULE)
        .order_by(Flag.id)
    )
    return [msgspec.convert(dict(row), RuleFlag) for row in found.mappings()]


async def count_events(conn: AsyncConnection, attempt_id: UUID) -> dict[str, int]:
    """Count the events of an attempt by type."""
    found = await conn.execute(
        select(MonitoringEvent.event_type, func.count().label("count_of_type"))
        .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
        .where(EventStream.attempt_id == attempt_id)
        .group_by(MonitoringEvent.event_type)
    )
    return {row.event_type: row.count_of_type for row in found}


# As text: Core has no plain way to join unnest of two arrays.
_EVENTS: Final = (
    text(
        """
        SELECT event.stream_id, event.seq, stream.time_base + event.mono AS time_ms,
               event.event_type AS type, event.data_payload AS data
        FROM event_streams AS stream
        JOIN monitoring_events AS event ON event.stream_id = stream.id
        LEFT JOIN unnest(:streams, :seqs) AS cited (stream_id, seq)
               ON cited.stream_id = event.stream_id AND cited.seq = event.seq
        WHERE stream.attempt_id = :attempt AND (cited.seq IS NOT NULL OR event.event_type <> ALL (:plain))
        ORDER BY cited.seq IS NULL, time_ms, event.stream_id, event.seq
        LIMIT :most
        """
    )
    .bindparams(
        bindparam("streams", type_=ARRAY(PG_UUID)),
        bindparam("seqs", type_=ARRAY(MonitoringEvent.seq.type)),
        bindparam("plain", type_=ARRAY(Text)),
        bindparam("attempt", type_=PG_UUID),
    )
    .columns(data=MonitoringEvent.data_payload.type)
)


async def read_events(
    conn: AsyncConnection,
    attempt_id: UUID,
    cited: Collection[tuple[UUID, int]],
    *,
    plain: Collection[str],
    most: int,
) -> list[TimedEvent]:
    """Read events of an attempt: cited ones first, and of the `plain` types only cited ones."""
    found = await conn.execute(
        _EVENTS,
        {
            "attempt": attempt_id,
            "streams": [stream for stream, _ in cited],
            "seqs": [seq for _, seq in cited],
            "plain": list(plain),
            "most": most,
        },
    )
    return [TimedEvent(row.stream_id, row.seq, row.time_ms, row.type, row.data) for row in found]


# As text: the last text of each item, only for items that have one.
_TEXTS: Final = text(
    """
    SELECT item, value #>> '{}' AS text
    FROM (
        SELECT DISTINCT ON (item) item, value
        FROM attempt_answers
        WHERE attempt_id = :attempt
        ORDER BY item, occurred_at DESC, stream_id DESC, seq DESC
    ) AS last
    WHERE jsonb_typeof(value) = 'string' AND length(value #>> '{}') >= :least
    ORDER BY item
    LIMIT :most
    """
).bindparams(bindparam("attempt", type_=PG_UUID))


async def read_texts(conn: AsyncConnection, attempt_id: UUID, *, least: int, most: int) -> list[tuple[str, str]]:
    """Read the latest text answers with at least `least` characters: item and text."""
    found = await conn.execute(_TEXTS, {"attempt": attempt_id, "least": least, "most": most})
    return [(row.item, row.text) for row in found]


async def find_earlier_answer(conn: AsyncConnection, attempt_id: UUID, shown: str) -> tuple[str, str] | None:
    """Find the model and answer of an earlier request with the same input."""
    found = await conn.execute(
        select(ModelRun.model, ModelRun.output)
        .where(ModelRun.attempt_id == attempt_id, ModelRun.state == ModelState.DONE, ModelRun.input == shown)
        .order_by(ModelRun.id.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else (row.model, row.output)


async def start_run(
    conn: AsyncConnection, attempt_id: UUID, revision: int, shown: str, tokens: tuple[int, int]
) -> UUID:
    """Store a request that is about to be sent, with the most tokens of prompt and answer; return the run's id."""
    run_id: UUID = uuid7()
    values = {"id": run_id, "attempt_id": attempt_id, "revision": revision, "model": "", "state": ModelState.PENDING}
    await conn.execute(
        insert(ModelRun).values(**values, input=shown, prompt_tokens=tokens[0], completion_tokens=tokens[1])
    )
    return run_id


async def finish_run(conn: AsyncConnection, run_id: UUID, result: RunResult) -> None:
    """Store the result of a request."""
    values = msgspec.structs.asdict(result)
    tokens = values.pop("tokens")
    if tokens is not None:
        values |= {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    await conn.execute(update(ModelRun).where(ModelRun.id == run_id).values(**values))


async def fail_lost_runs(conn: AsyncConnection, attempt_ids: Collection[UUID], reason: str) -> int:
    """Mark the requests about these attempts that have no result as failed; return how many. Their estimates stay."""
    if not attempt_ids:
        return 0
    among = ModelRun.attempt_id == any_(literal(list(attempt_ids), ARRAY(PG_UUID)))
    lost = await conn.execute(
        update(ModelRun)
        .where(among, ModelRun.state == ModelState.PENDING)
        .values(state=ModelState.FAILED, error=reason)
    )
    return lost.rowcount


async def lock_analysis(conn: AsyncConnection, attempt_id: UUID, revision: int) -> bool:
    """Lock an analysis until COMMIT, after its cursor; False when its revision has changed.

    The order is the same as in every transaction that changes scores.
    """
    await conn.execute(
        select(AnalysisCursor.attempt_id).where(AnalysisCursor.attempt_id == attempt_id).with_for_update(key_share=True)
    )
    found = await conn.execute(
        select(BehaviorAnalysis.revision)
        .where(
            BehaviorAnalysis.attempt_id == attempt_id,
            BehaviorAnalysis.revision == revision,
            BehaviorAnalysis.model_state == ModelState.PENDING,
        )
        .with_for_update(key_share=True)
    )
    return found.one_or_none() is not None


# Originality indicators of services (with `by`) are kept when a model writes a summary.
_FROM_SERVICES: Final = func.jsonb_path_query_array(
    BehaviorAnalysis.originality_indicators, cast("$[*] ? (exists(@.by))", JSONPATH)
)


async def store_summary(conn: AsyncConnection, attempt_id: UUID, summary: NewSummary | None) -> None:
    """Store a summary with the locked analysis. None: nothing passed the checks, and the template's summary stays."""
    values: Mapping[str, Any] = {"model_state": ModelState.FAILED}
    if summary is not None:
        values = {
            "model_state": ModelState.DONE,
            "llm_summary": summary.text,
            "llm_recommendations": summary.recommendations,
            "originality_indicators": _FROM_SERVICES.op("||")(cast(summary.originality_indicators, JSONB)),
            "llm_model_version": summary.model,
        }
    await conn.execute(update(BehaviorAnalysis).where(BehaviorAnalysis.attempt_id == attempt_id).values(**values))


def to_statements(claims: Sequence[tuple[str, Sequence[tuple[UUID, int]]]]) -> list[dict[str, Any]]:
    """Convert statements and the events that they cite to the stored form."""
    return [{"text": text, "cited": [[str(stream), seq] for stream, seq in cited]} for text, cited in claims]
