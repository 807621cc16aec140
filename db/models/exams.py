"""Exams, their versioned policies, and who is to sit them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Exam(Base):
    """One exam; attempts pin the policy version they were started under."""

    __tablename__ = "exams"
    __table_args__ = (CheckConstraint("duration_minutes > 0", name="duration"),)

    id: Mapped[Key]
    creator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    subject: Mapped[str] = mapped_column(server_default=text("''"))
    duration_minutes: Mapped[int]
    is_published: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]


class ExamPolicy(Base):
    """One immutable version of an exam's judgement settings."""

    __tablename__ = "exam_policies"
    __table_args__ = (UniqueConstraint("exam_id", "version"),)

    id: Mapped[Key]
    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"))
    version: Mapped[int]
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]


class ExamEnrollment(Base):
    """One student on one exam's roster; a removed one keeps the row, and with it what the board shows."""

    __tablename__ = "exam_enrollments"

    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True)
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[CreatedAt]
    removed_at: Mapped[datetime | None]
