"""Exams, their items and policies in versions, rosters, and permissions of teachers.

Contains no attempts.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key, one_of
from protocol.attempts import ExamKind, ItemKind


class Exam(Base):
    """One exam. An attempt keeps the versions of items and policy that it started with.

    `max_score` is the sum of the newest items' points; `passing_score` is in the same points. `version` counts edits;
    an edit names the version that it is based on.
    """

    __tablename__ = "exams"
    __table_args__ = (
        CheckConstraint("duration_minutes > 0", name="duration"),
        CheckConstraint("closes_at > opens_at", name="opening"),
        CheckConstraint("passing_score >= 0", name="passing_score"),
        one_of("kind", ExamKind),
    )

    id: Mapped[Key]
    creator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    subject: Mapped[str] = mapped_column(server_default=text("''"))
    topic: Mapped[str] = mapped_column(server_default=text("''"))
    duration_minutes: Mapped[int]
    max_score: Mapped[float] = mapped_column(server_default=text("0"))
    passing_score: Mapped[float] = mapped_column(server_default=text("0"))
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    is_published: Mapped[bool] = mapped_column(server_default=text("false"))
    enable_monitoring: Mapped[bool] = mapped_column(server_default=text("true"))
    enable_integrity_analysis: Mapped[bool] = mapped_column(server_default=text("true"))
    enable_model: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    items_version: Mapped[int] = mapped_column(server_default=text("0"))
    results_released_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    kind: Mapped[str] = mapped_column(server_default=text("'real'"))
    deleting_at: Mapped[datetime | None]
    """When its deletion began. Everything of it is deleted in steps, the exam last."""


class ExamItem(Base):
    """One item of one immutable version.

    `answer_key` is never shown to students, nor to teachers who may only view. `item` is the name that events and
    answers use, and stays the same in all versions.
    """

    __tablename__ = "exam_items"
    __table_args__ = (
        UniqueConstraint("exam_id", "version", "position"),
        CheckConstraint("points >= 0", name="points"),
        one_of("kind", ItemKind),
    )

    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    kind: Mapped[str]
    prompt: Mapped[str]
    choices: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    answer_key: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    points: Mapped[float]


class ExamPolicy(Base):
    """One immutable version of the rule settings of an exam."""

    __tablename__ = "exam_policies"
    __table_args__ = (UniqueConstraint("exam_id", "version"),)

    id: Mapped[Key]
    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"))
    version: Mapped[int]
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]


class ExamEnrollment(Base):
    """One student on one roster. A removed student keeps the row and stays on the board.

    Name, e-mail address, enrollment id and cohort are what this roster says: teachers see them, not the account's.
    Without a name, the account's is shown.
    """

    __tablename__ = "exam_enrollments"

    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True)
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    name: Mapped[str | None]
    email: Mapped[str | None]
    enrollment_id: Mapped[str | None]
    cohort: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    removed_at: Mapped[datetime | None]


class TeacherExamPermission(Base):
    """The permissions of one teacher for an exam of another teacher."""

    __tablename__ = "teacher_exam_permissions"

    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True)
    teacher_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    can_view: Mapped[bool] = mapped_column(server_default=text("false"))
    can_edit: Mapped[bool] = mapped_column(server_default=text("false"))
    can_invigilate: Mapped[bool] = mapped_column(server_default=text("false"))
    can_review: Mapped[bool] = mapped_column(server_default=text("false"))
    can_view_analytics: Mapped[bool] = mapped_column(server_default=text("false"))
    granted_at: Mapped[CreatedAt]
