"""Attempts: one student's sitting of an exam, and what people ask of it while it runs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key, one_of
from protocol.attempts import AttemptStatus, InstructionState


class ExamAttempt(Base):
    """One sitting. `ix` is its small number within the exam; `generation` counts its connections, the newest wins.

    `silent_since` stands while servers have stated `heartbeat_missed` and not yet `heartbeat_resumed`.
    """

    __tablename__ = "exam_attempts"
    __table_args__ = (
        UniqueConstraint("exam_id", "ix"),
        one_of("status", AttemptStatus),
        # A second attempt needs a grant: at most one runs at a time.
        Index(
            "uq_exam_attempts_running",
            "exam_id",
            "student_id",
            unique=True,
            postgresql_where=text("status IN ('waiting', 'in_progress', 'paused', 'reopened')"),
        ),
    )

    id: Mapped[Key]
    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id"))
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    ix: Mapped[int]
    status: Mapped[str]
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("exam_policies.id"))
    rulebook_version: Mapped[int]
    generation: Mapped[int] = mapped_column(server_default=text("0"))
    integrity_score: Mapped[float | None]
    started_at: Mapped[CreatedAt]
    deadline: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]


class Instruction(Base):
    """Something a person asks of a candidate's client; numbered per attempt, repeated until answered."""

    __tablename__ = "instructions"
    __table_args__ = (
        UniqueConstraint("command_id", "attempt_id"),
        one_of("state", InstructionState),
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
