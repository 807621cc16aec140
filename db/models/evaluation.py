"""Flags and their reviews, cursors, analyses, requests to a language model, and figures of students.

Contains no events and no answers.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, FetchedValue, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key, one_of
from protocol.analysis import AnalysisState, DropoutLabel, ModelState, Trend
from protocol.flags import FlagSource, FlagStatus, Severity


class Flag(Base):
    """One stored finding with its evidence; one for each episode."""

    __tablename__ = "flags"
    __table_args__ = (
        UniqueConstraint("attempt_id", "rule", "rule_version", "episode_key"),
        one_of("source", FlagSource),
        one_of("status", FlagStatus),
        one_of("severity", Severity),
        Index("ix_flags_exam_id_id", "exam_id", "id"),
        # For dashboards: what needs a decision, the newest of each exam first.
        Index(
            "ix_flags_undecided",
            "exam_id",
            "raised_at",
            "id",
            postgresql_include=["attempt_id"],
            postgresql_where=text("status IN ('open', 'escalated') AND severity <> 'normal'"),
        ),
        Index("ix_flags_open", "raised_at", postgresql_where=text("status IN ('open', 'escalated')")),
    )

    id: Mapped[Key]
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"))
    source: Mapped[str]
    rule: Mapped[str]
    rule_version: Mapped[int]
    policy_version: Mapped[int]
    episode_key: Mapped[str]
    severity: Mapped[str]
    confidence: Mapped[float]
    summary: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    last_fact_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default=text("'open'"))
    raised_at: Mapped[CreatedAt]
    exam_id: Mapped[UUID] = mapped_column(FetchedValue())
    """The exam of the attempt; set by a trigger."""


class FlagReview(Base):
    """One review of one flag. `command_id` makes a repeated command harmless."""

    __tablename__ = "flag_reviews"

    id: Mapped[Key]
    flag_id: Mapped[UUID] = mapped_column(ForeignKey("flags.id"), index=True)
    reviewer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    command_id: Mapped[UUID] = mapped_column(unique=True)
    from_status: Mapped[str]
    to_status: Mapped[str]
    reason: Mapped[str]
    reviewed_at: Mapped[CreatedAt]


class AnalysisCursor(Base):
    """The position up to which one attempt is folded. Every change of the attempt's score locks this row first.

    `positions` maps stream ids to the last folded number. `fold_order` lists runs `[stream, from, to]` in the order in
    which they were folded; a replay follows it. `facts` counts the folded events. `state` is a checkpoint: the state of
    the rules after the first `checkpoint_facts` of them. `observed` is what was observed after `facts` events, and
    `last_event_at` when the newest event of a client arrived; both are null for an attempt that an older version has
    begun to fold, whose coverage is measured by its connections.
    """

    __tablename__ = "analysis_cursors"

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), primary_key=True)
    positions: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    fold_order: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    facts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    checkpoint_facts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    checkpointed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    folded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    observed: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    last_event_at: Mapped[datetime | None]
    # The last column: most folds do not change it, and PostgreSQL's log then leaves it out.
    state: Mapped[bytes] = mapped_column(server_default=text("''"))


class BehaviorAnalysis(Base):
    """The analysis of one ended attempt. `revision` counts its changes.

    `facts` is the number of events that it is based on; it is out of date when its cursor has more. Scores, labels and
    attention are computed by Veritas. `llm_*` and `originality_indicators` may come from a model, and change none of
    these.
    """

    __tablename__ = "behavior_analysis"
    __table_args__ = (
        one_of("state", AnalysisState),
        one_of("model_state", ModelState),
        one_of("dropout_label", DropoutLabel),
        one_of("improvement_trend", Trend),
        Index(
            "ix_behavior_analysis_due", "due_at", postgresql_where=text("state <> 'done' OR model_state = 'pending'")
        ),
        Index("ix_behavior_analysis_attention", "attempt_id", postgresql_where=text("requires_instructor_attention")),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), primary_key=True)
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    model_state: Mapped[str] = mapped_column(server_default=text("'off'"))
    due_at: Mapped[CreatedAt]
    """When a worker may take it; later after a failure."""

    failures: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    revision: Mapped[int] = mapped_column(server_default=text("0"))
    facts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    total_monitoring_events: Mapped[int] = mapped_column(server_default=text("0"))
    anomaly_count: Mapped[int] = mapped_column(server_default=text("0"))
    critical_events: Mapped[int] = mapped_column(server_default=text("0"))
    integrity_score: Mapped[float | None]
    coverage: Mapped[float | None]
    lmi_score: Mapped[float | None]
    improvement_trend: Mapped[str | None]
    originality_indicators: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    dropout_label: Mapped[str | None]
    dropout_confidence: Mapped[float | None]
    llm_summary: Mapped[str] = mapped_column(server_default=text("''"))
    llm_recommendations: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    llm_model_version: Mapped[str] = mapped_column(server_default=text("'rules'"))
    requires_instructor_attention: Mapped[bool] = mapped_column(server_default=text("false"))
    requires_recap: Mapped[bool] = mapped_column(server_default=text("false"))
    analysed_at: Mapped[datetime | None]


class ModelRun(Base):
    """One request to a language model about one attempt: input, output and outcome."""

    __tablename__ = "model_runs"
    __table_args__ = (one_of("state", ModelState),)

    id: Mapped[Key]
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), index=True)
    revision: Mapped[int]
    model: Mapped[str]
    state: Mapped[str]
    input: Mapped[str]
    output: Mapped[str | None]
    error: Mapped[str | None]
    claims_dropped: Mapped[int] = mapped_column(server_default=text("0"))
    prompt_tokens: Mapped[int] = mapped_column(server_default=text("0"))
    completion_tokens: Mapped[int] = mapped_column(server_default=text("0"))
    duration_ms: Mapped[int] = mapped_column(server_default=text("0"))
    ran_at: Mapped[CreatedAt]


class PerformanceMetric(Base):
    """Figures of one student over all attempts whose review is final; null without such attempts."""

    __tablename__ = "performance_metrics"
    __table_args__ = (
        one_of("integrity_trend", Trend),
        one_of("lmi_trend", Trend),
        one_of("current_risk_label", DropoutLabel),
        Index("ix_performance_metrics_flagged", "student_id", postgresql_where=text("flagged_for_intervention")),
    )

    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    total_exams: Mapped[int] = mapped_column(server_default=text("0"))
    passed_exams: Mapped[int] = mapped_column(server_default=text("0"))
    avg_score: Mapped[float | None]
    subject_scores: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    strengths: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    weaknesses: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    avg_integrity_score: Mapped[float | None]
    integrity_trend: Mapped[str | None]
    avg_lmi: Mapped[float | None]
    lmi_trend: Mapped[str | None]
    current_risk_label: Mapped[str | None]
    flagged_for_intervention: Mapped[bool] = mapped_column(server_default=text("false"))
    last_attempt_date: Mapped[datetime | None]
    updated_at: Mapped[CreatedAt]
