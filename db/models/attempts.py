"""Attempts, their answers and grades, and the instructions to their clients.

Contains no events.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key, one_of
from protocol.analysis import DropoutLabel
from protocol.attempts import RUNNING, AttemptStatus, InstructionState

RUNNING_SQL: Final = ", ".join(f"'{status}'" for status in AttemptStatus if status in RUNNING)
"""The statuses of running attempts as SQL constants: only with constants does the planner use a partial index."""


class ExamAttempt(Base):
    """One attempt. `ix` is its number within the exam; `generation` counts its connections, the highest is current.

    `silent_since` is set between the events `heartbeat_missed` and `heartbeat_resumed`. Scores are in points of the
    attempt's items. `submission_data` holds the answers that counted at the end, `receipt` the student's receipt.
    `coverage`, 0 to 1, is the observed share; below a half, `integrity_score` is null. `waived_at` is when an
    invigilator allowed to read the paper without a connection.

    `notice` is the version of the notice that the student acknowledged. From `events_deleted_at` on its events are
    deleted after their time; a trigger refuses that for a held attempt. `has_events_left` until all are gone.
    """

    __tablename__ = "exam_attempts"
    __table_args__ = (
        UniqueConstraint("exam_id", "ix"),
        one_of("status", AttemptStatus),
        one_of("dropout_label", DropoutLabel),
        Index("ix_exam_attempts_student_id_exam_id", "student_id", "exam_id"),
        Index("ix_exam_attempts_student_id_started_at", "student_id", "started_at"),
        # For the poll for passed deadlines, every second.
        Index(
            "ix_exam_attempts_deadline",
            "status",
            "deadline",
            postgresql_where=text(f"status IN ({RUNNING_SQL})"),
        ),
        # For the list of students who need attention.
        Index(
            "ix_exam_attempts_risky",
            "exam_id",
            "student_id",
            postgresql_where=text("completed_at IS NOT NULL AND (flagged OR dropout_label IN ('copy', 'incapable'))"),
        ),
        # At most one attempt of a student runs at a time.
        Index(
            "uq_exam_attempts_running",
            "exam_id",
            "student_id",
            unique=True,
            postgresql_where=text("status IN ('waiting', 'in_progress', 'paused', 'reopened')"),
        ),
        # For the daily retention run: attempts with data that may be past their time, and those it has not finished.
        Index(
            "ix_exam_attempts_kept",
            "completed_at",
            "id",
            postgresql_where=text("answers_deleted_at IS NULL OR reviews_deleted_at IS NULL"),
        ),
        Index("ix_exam_attempts_events_left", "id", postgresql_where=text("has_events_left")),
    )

    id: Mapped[Key]
    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id"))
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    ix: Mapped[int]
    status: Mapped[str]
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("exam_policies.id"))
    rulebook_version: Mapped[int]
    items_version: Mapped[int] = mapped_column(server_default=text("0"))
    generation: Mapped[int] = mapped_column(server_default=text("0"))
    integrity_score: Mapped[float | None]
    coverage: Mapped[float | None]
    lmi: Mapped[float | None]
    dropout_label: Mapped[str | None]
    flagged: Mapped[bool] = mapped_column(server_default=text("false"))
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    percentage: Mapped[float | None]
    passed: Mapped[bool | None]
    started_at: Mapped[CreatedAt]
    deadline: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[int | None]
    submission_data: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    grade_final_at: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]
    notice: Mapped[int | None] = mapped_column(BigInteger)
    events_deleted_at: Mapped[datetime | None]
    has_events_left: Mapped[bool] = mapped_column(server_default=text("false"))
    reviews_deleted_at: Mapped[datetime | None]
    answers_deleted_at: Mapped[datetime | None]
    waived_at: Mapped[datetime | None]


class AttemptAnswer(Base):
    """One revision of one answer, written in its event's transaction; kept when the events are deleted.

    `occurred_at` is rule time: the stream's time base + mono. The latest revision by `(occurred_at, stream_id, seq)`
    counts. The number of a revision is its rank in that order. `revision` is that number, stored when
    earlier drafts are deleted; later revisions continue after the highest stored number of their item.
    """

    __tablename__ = "attempt_answers"
    __table_args__ = (Index("ix_attempt_answers_latest", "attempt_id", "item", "occurred_at", "stream_id", "seq"),)

    stream_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"))
    item: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB)
    occurred_at: Mapped[datetime]
    stored_at: Mapped[CreatedAt]
    revision: Mapped[int | None] = mapped_column(BigInteger)


class AttemptGrade(Base):
    """The points of one item: from the key (`grader_id` is null) or from a grader, whose points have priority."""

    __tablename__ = "attempt_grades"

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    points: Mapped[float]
    grader_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    comment: Mapped[str] = mapped_column(server_default=text("''"))
    graded_at: Mapped[CreatedAt]


class Instruction(Base):
    """One instruction to a candidate's client, numbered for each attempt, and sent until a result arrives."""

    __tablename__ = "instructions"
    __table_args__ = (
        UniqueConstraint("command_id", "attempt_id"),
        one_of("state", InstructionState),
        Index("ix_instructions_sent", "valid_until", postgresql_where=text("state = 'sent'")),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    command_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default=text("'sent'"))
    code: Mapped[str | None]
    issued_at: Mapped[CreatedAt]
    valid_until: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
